"""Runs that are killed, and the workers that they leave: neither keeps the next run out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.errors import OccupiedError
from trainer.run.sole import sole

RUN = """
import numpy as np
from trainer.data.stream import stream
from trainer.distributed import World

class Endless:
    def __getitem__(self, number):
        return [{"image": np.zeros(1_000_000, np.uint8), "worker": np.array(__import__("os").getpid())}]

batches = stream(Endless(), 1, 0, World(), workers=2, pin=False)
print(*{int(next(batches)["worker"]) for _ in range(2)}, flush=True)
input()
"""


def test_a_worker_that_outlives_its_run_holds_no_lock(tmp_path: Path) -> None:
    (started, start), (ended, end) = os.pipe(), os.pipe()
    with sole(tmp_path):
        worker = os.fork()
        if worker == 0:
            os.close(end)
            os.write(start, b"!")
            os.read(ended, 1)
            os._exit(0)
        os.read(started, 1)
        with pytest.raises(OccupiedError), sole(tmp_path):  # the worker let go for itself alone
            pass
    with sole(tmp_path):
        pass
    for descriptor in (end, ended, start, started):
        os.close(descriptor)
    assert os.waitpid(worker, 0)[1] == 0


def test_what_a_lock_leads_to_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("words")
    (tmp_path / "lock").symlink_to("mine")
    with sole(tmp_path):
        pass
    assert (tmp_path / "mine").read_text() == "words"


def lives(process: int) -> bool:
    try:
        return b"trainer" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="asks Linux which processes there are")
def test_the_workers_of_a_killed_run_end() -> None:
    with subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        workers = [int(word) for word in run.stdout.readline().split()]
        assert len(workers) == 2
        assert all(map(lives, workers))
        run.kill()
    try:
        give_up = time.monotonic() + 60
        while any(map(lives, workers)) and time.monotonic() < give_up:
            time.sleep(0.1)
        assert not any(map(lives, workers))
    finally:
        for worker in filter(lives, workers):
            os.kill(worker, signal.SIGKILL)
