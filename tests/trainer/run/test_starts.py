"""What runs start from: whose backbone, whose peer, whose centers; and that methods of one seed begin alike."""

from __future__ import annotations

import pytest
import torch

from trainer.centers import write_centers
from trainer.checkpoint import portable, write_tensors
from trainer.config import parse_config
from trainer.errors import ConfigError
from trainer.losses.center import Centers
from trainer.run.train import Start, start_from, train
from trainer.tasks.build import build_task


def written(path, table, data, seed=9):
    """Write the state of an untrained network of a configuration."""
    torch.manual_seed(seed)
    config = parse_config(table)
    student = build_task(config, data).student
    write_tensors(path, portable(student), {"config": config.model_dump(mode="json")})
    return path


def same(first, second) -> bool:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.allclose(a, b, rtol=1e-2, atol=1e-3) for a, b in pairs)


@pytest.mark.parametrize(("kind", "distill"), [("detector", "dml"), ("recognizer", "udml")])
def test_student_and_peer_start_from_one_backbone_with_fresh_necks_and_heads(request, data, tmp_path, kind, distill):
    table = request.getfixturevalue(f"{kind}_table") | {"method": {"distill": distill}}
    state = written(tmp_path / "state", table, data)
    given = build_task(parse_config(table), data)
    start_from(given, Start(state))
    task = build_task(parse_config(table), data)
    start_from(task, Start(backbone=state))
    student, peer = task.method.student, task.method.peer
    assert same(student.backbone, given.student.backbone)
    assert same(peer.backbone, given.student.backbone)
    assert not same(student.neck, given.student.neck)
    assert not same(student.neck, peer.neck)


def test_a_peer_may_start_from_a_state_of_its_own(detector_table, data, tmp_path):
    table = detector_table | {"method": {"distill": "dml"}}
    states = [written(tmp_path / str(seed), table, data, seed) for seed in (1, 2)]
    task = build_task(parse_config(table), data)
    start_from(task, Start(states[0], peer=states[1]))
    for network, seed in ((task.method.student, 1), (task.method.peer, 2)):
        torch.manual_seed(seed)
        assert same(network, build_task(parse_config(table), data).student)


@pytest.mark.parametrize(("kind", "distill"), [("detector", "dml"), ("recognizer", "udml")])
def test_twins_are_warned_of(request, data, tmp_path, caplog, kind, distill):
    table = request.getfixturevalue(f"{kind}_table") | {"method": {"distill": distill}}
    first, second = (written(tmp_path / str(seed), table, data, seed) for seed in (1, 2))
    for peer, warned in ((second, False), (first, True)):
        start_from(build_task(parse_config(table), data), Start(first, peer=peer))
        assert ("twins teach each other nothing" in caplog.text) is warned


def test_a_state_for_a_peer_that_there_is_not_is_refused(detector_table, data, tmp_path):
    state = written(tmp_path / "state", detector_table, data)
    with pytest.raises(ConfigError, match="no peer"):
        start_from(build_task(parse_config(detector_table), data), Start(peer=state))


def test_methods_of_one_seed_begin_with_one_student(detector_table, data, tmp_path):
    teacher = written(tmp_path / "teacher", detector_table, data)
    methods = ({}, {"distill": "dml"}, {"distill": "cml", "teacher": str(teacher)})
    begun = []
    for method in methods:
        torch.manual_seed(3)
        begun.append(build_task(parse_config(detector_table | {"method": method}), data).method)
    assert all(same(begun[0].student, other.student) for other in begun[1:])
    assert same(begun[1].peer, begun[2].peer)


def test_a_peer_is_left_behind_to_be_gone_on_with(recognizer_table, data, tmp_path):
    table = recognizer_table | {"method": {"distill": "udml"}}
    train(parse_config(table), tmp_path / "run", data)
    task = build_task(parse_config(table), data)
    start_from(task, Start(tmp_path / "run" / "state.safetensors", peer=tmp_path / "run" / "peer.safetensors"))
    assert not same(task.method.student, task.method.peer)


def test_centers_are_those_of_the_state_that_is_continued(recognizer_table, data, tmp_path):
    plain, other = (written(tmp_path / str(seed), recognizer_table, data, seed) for seed in (1, 2))
    charset = parse_config(recognizer_table).charset
    write_centers(tmp_path / "centers", Centers(torch.rand(11, 96), torch.arange(11)), charset, plain)
    config = parse_config(recognizer_table | {"method": {"centers": str(tmp_path / "centers")}})
    for number, start in enumerate((Start(), Start(other))):
        with pytest.raises(ConfigError, match="centers of another state"):
            train(config, tmp_path / f"refused-{number}", data, start)
    train(config, tmp_path / "run", data, Start(plain))
    # The file of that name now holds what the run was not trained with.
    write_centers(tmp_path / "centers", Centers(torch.rand(11, 96), torch.arange(11)), charset, plain)
    with pytest.raises(ConfigError, match="other centers"):
        train(config, tmp_path / "run", data, Start(plain))
