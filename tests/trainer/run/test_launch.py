"""What became of the processes shows in the exit code of the launcher."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch.distributed import run
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from trainer.commands.cli import _parser
from trainer.run.launch import main


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([78, 78], 78),
        ([75, 75], 75),
        ([1, 78], 78),  # one saw the wrong file, the others lost it
        ([-15, 75], 75),
        ([1], 1),
        ([-9], 1),  # killed: counts as a failure, and is tried again
    ],
)
def test_failures_of_processes_become_the_exit_code(codes, expected, monkeypatch):
    def fail(_):
        failures = {
            rank: SimpleNamespace(exitcode=code, timestamp=rank, local_rank=rank, pid=1, error_file="", message="")
            for rank, code in enumerate(codes)
        }
        error = ChildFailedError("trainer", failures)
        error.format_msg = lambda: "failed"
        raise error

    monkeypatch.setattr(run, "run", fail)
    monkeypatch.setattr(ChildFailedError, "__init__", lambda self, name, failures: setattr(self, "failures", failures))
    assert main(["train", "x.toml"]) == expected


def test_a_stopped_node_is_to_be_started_again(monkeypatch):
    def stop(_):
        raise SignalException("told", signal.SIGTERM)

    monkeypatch.setattr(run, "run", stop)
    assert main(["train", "x.toml"]) == 75


@pytest.mark.parametrize("option", ["--run", "--out", "--set"])
def test_options_of_the_trainer_are_none_of_the_launcher(monkeypatch, option):
    seen = {}
    monkeypatch.setattr(run, "run", lambda args: seen.update(vars(args)))
    assert main(["train", "x.toml", option, "value"]) == 0
    assert seen["training_script"] == "trainer"
    assert seen["training_script_args"] == ["train", "x.toml", option, "value"]


def test_nodes_come_from_the_environment_and_the_rest_goes_to_the_trainer(monkeypatch):
    seen = {}
    monkeypatch.setattr(run, "run", lambda args: seen.update(vars(args)))
    for name, value in {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "a-0.a", "NPROC_PER_NODE": "3"}.items():
        monkeypatch.setenv(f"PET_{name}", value)
    assert main(["train", "x.toml", "--data", "/data", "--out", "/runs/a"]) == 0
    assert (seen["nnodes"], seen["node_rank"], seen["master_addr"], seen["nproc_per_node"]) == ("2", 1, "a-0.a", "3")
    assert (seen["training_script"], seen["module"]) == ("trainer", True)
    assert seen["training_script_args"] == ["train", "x.toml", "--data", "/data", "--out", "/runs/a"]


def test_torchrun_and_the_trainer_understand_the_documented_command():
    guide = (Path(__file__).parents[3] / "docs" / "training.md").read_text("utf-8")
    command = next(line for line in guide.splitlines() if line.startswith("$ torchrun "))
    options = run.parse_args(shlex.split(command)[2:])
    assert options.training_script == "trainer"
    arguments = _parser().parse_args(options.training_script_args)
    assert (arguments.data, arguments.run) == (Path("DIR"), Path("RUN"))
