"""Two processes are one that takes the same batches one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from trainer.config import parse_config
from trainer.data.stream import stream
from trainer.distributed import World
from trainer.run.loop import Loop
from trainer.run.train import Start, start_from, train
from trainer.tasks.build import build_task

CPU = torch.device("cpu")


def batches(config, data: Path, count: int) -> list:
    source = build_task(config, data).stream(0, World(), pin=False)
    return [next(source) for _ in range(count)]


def gradients(loop: Loop) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in loop.task.method.named_parameters() if p.grad is not None}


def one_of_two(rank: int, table: dict, data: Path, out: Path) -> None:
    import os

    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": table.pop("port")}
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = parse_config(table)
    world = World.join("cpu")
    loop = Loop(build_task(config, data), config, out / str(rank), CPU, world)
    halves = batches(config, data, 2)
    loop.train_step(iter(halves[rank:]))
    torch.save(gradients(loop), out / f"{rank}.pt")
    world.leave()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["recognizer", "detector"])
def test_two_processes_have_the_gradients_of_one_that_accumulates(kind, request, data, tmp_path):
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    table = request.getfixturevalue(f"{kind}_table")
    table["optimizer"] = {"clip": 0.0}
    mp.spawn(one_of_two, (table | {"port": port}, data, tmp_path), nprocs=2)
    torch.manual_seed(0)
    config = parse_config(table | {"accumulate": 2})
    alone = Loop(build_task(config, data), config, tmp_path / "alone", CPU, World())
    alone.train_step(iter(batches(config, data, 2)))
    expected = gradients(alone)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert found.keys() == expected.keys()
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5, msg=name)


class Numbers:
    """Group g is its own number, twice."""

    def __getitem__(self, number: int) -> list[dict]:
        return [{"group": number, "batch": 0}, {"group": number, "batch": 1}]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("position", [0, 1, 5])
def test_processes_share_the_groups_and_each_goes_on_where_it_stood(workers, position):
    seen = []
    for rank in range(2):
        source = stream(Numbers(), 2, position, World(rank, 2), workers, pin=False)
        got = [next(source) for _ in range(4)]
        source.close()
        whole = stream(Numbers(), 2, 0, World(rank, 2), 0, pin=False)
        assert got == [next(whole) for _ in range(position + 4)][position:]
        seen.append({batch["group"] for batch in got})
    assert not seen[0] & seen[1]


def test_a_peer_starts_from_the_state_but_stays_another(recognizer_table, data, tmp_path):
    train(parse_config(recognizer_table), tmp_path, data)
    task = build_task(parse_config(recognizer_table | {"method": {"distill": "udml"}}), data)
    start_from(task, Start(tmp_path / "state.safetensors"))
    student, peer = task.method.student, task.method.peer
    assert all(
        torch.equal(a, b) for a, b in zip(student.backbone.parameters(), peer.backbone.parameters(), strict=True)
    )
    assert not torch.equal(student.head.classify.weight, peer.head.classify.weight)
