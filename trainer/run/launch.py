"""`python -m trainer.run.launch train …`: torchrun around the trainer, with exit codes that a scheduler can act on.

torchrun itself ends with 1 whatever its processes ended with, so that nobody could tell a wrong configuration from a
machine that was taken away. How many processes there are, and where, it reads from the environment: `PET_NNODES`,
`PET_NODE_RANK`, `PET_NPROC_PER_NODE`, `PET_MASTER_ADDR`, `PET_MASTER_PORT`, which Kubeflow sets and our Jobs do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from trainer.errors import EX_CONFIG, EX_TEMPFAIL

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in trainer/__main__.py


def main(arguments: Sequence[str]) -> int:
    """Run `python -m trainer` with `arguments` in every process of this node, and return its exit code."""
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        # Behind `--`, or torchrun takes `--run` for a beginning of its own options.
        run.run(run.parse_args(["--module", "--", "trainer", *arguments]))  # type: ignore[no-untyped-call]
    except SignalException as stop:
        print(f"stopped by {stop.sigval.name}; start again to go on", file=sys.stderr)
        return EX_TEMPFAIL
    except ChildFailedError as error:
        print(error, file=sys.stderr)
        return exit_code(failure.exitcode for failure in error.failures.values())
    return 0


def exit_code(codes: Iterable[int]) -> int:
    """Return what stands for the exit codes of this node's processes that failed; those of signals are negative.

    A wrong configuration outweighs all else; after an orderly stop the others are merely cut off.
    """
    seen = set(codes)
    return next((code for code in (EX_CONFIG, EX_TEMPFAIL) if code in seen), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
