"""What each detection method trains, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.losses.cml import dilated_target, distillation_loss, hard_target
from trainer.losses.dml import mutual_map_loss
from trainer.methods.detection import CmlDetection, DmlDetection, FrozenTeacher, PlainDetection, TeacherMaps
from trainer.nets.detector import STUDENT, build_detector

LABEL_TERMS = {"shrink", "threshold", "binary"}
PEER_TERMS = {f"peer_{name}" for name in LABEL_TERMS} | {"dml"}


@pytest.fixture
def batch():
    torch.manual_seed(0)
    shrink = torch.zeros(2, 64, 64)
    shrink[:, 20:30, 10:50] = 1
    return {
        "images": torch.randn(2, 3, 64, 64),
        "shrink_map": shrink,
        "shrink_mask": torch.ones(2, 64, 64),
        "threshold_map": torch.full((2, 64, 64), 0.3),
        "threshold_mask": torch.ones(2, 64, 64),
        "teacher_map": 0.9 * shrink,
    }


def methods():
    return [
        (PlainDetection(STUDENT), LABEL_TERMS),
        (DmlDetection(STUDENT), LABEL_TERMS | PEER_TERMS),
        (CmlDetection(STUDENT, TeacherMaps()), LABEL_TERMS | PEER_TERMS | {"distill", "peer_distill"}),
    ]


def test_the_sum_of_the_terms_trains_every_parameter(batch):
    for method, names in methods():
        losses = method.train()(batch)
        assert set(losses) == names
        torch.stack(list(losses.values())).sum().backward()
        assert all(parameter.grad is not None for parameter in method.parameters())


def test_students_start_from_different_states():
    method = DmlDetection(STUDENT)
    student, peer = (nn.utils.parameters_to_vector(network.parameters()) for network in (method.student, method.peer))
    assert not torch.equal(student, peer)


@pytest.mark.parametrize(("dilate", "target"), [(True, dilated_target), (False, hard_target)])
def test_cml_terms_are_those_of_the_losses(batch, dilate, target):
    method = CmlDetection(STUDENT, TeacherMaps(), shrink_loss="dice", dilate=dilate).eval()
    losses = method(batch)
    student, peer = method.student.maps(batch["images"]), method.peer.maps(batch["images"])
    for name, maps in (("distill", student), ("peer_distill", peer)):
        expected = distillation_loss(maps, target(batch["teacher_map"]), batch["shrink_mask"], "dice")
        torch.testing.assert_close(losses[name], expected)
    torch.testing.assert_close(losses["dml"], mutual_map_loss(student.shrink, peer.shrink))


def test_a_frozen_teacher_never_changes_but_still_answers(batch):
    teacher = build_detector(STUDENT)
    method = CmlDetection(STUDENT, FrozenTeacher(teacher)).train()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    assert method.student.training
    assert not any(module.training for module in teacher.modules())
    losses = method(batch)
    torch.stack(list(losses.values())).sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    torch.testing.assert_close(method.teacher(batch), teacher.maps(batch["images"]).shrink)


def test_binary_map_is_half_where_probability_meets_threshold():
    detector = build_detector(STUDENT).eval()
    detector.threshold.load_state_dict(detector.shrink.state_dict())
    maps = detector.maps(torch.randn(1, 3, 32, 32))
    torch.testing.assert_close(maps.binary, torch.full((1, 32, 32), 0.5))


def test_inference_gives_the_shrink_map():
    detector = build_detector(STUDENT).eval()
    image = torch.randn(1, 3, 32, 64)
    torch.testing.assert_close(detector(image).squeeze(1), detector.maps(image).shrink)


@pytest.mark.parametrize("distill", ["dml", "cml"])
def test_a_pair_comes_to_agree(batch, distill):
    """Of two pairs with one start the one that learns from each other disagrees less in the end."""

    def disagreement(weight):
        torch.manual_seed(1)
        pair = (
            DmlDetection(STUDENT, dml_weight=weight)
            if distill == "dml"
            else CmlDetection(STUDENT, TeacherMaps(), dml_weight=weight)
        )
        optimizer = torch.optim.Adam(pair.parameters(), 1e-3)
        for _ in range(20):
            optimizer.zero_grad()
            torch.stack(list(pair(batch).values())).sum().backward()
            optimizer.step()
        with torch.no_grad():
            maps = [network.maps(batch["images"]).shrink for network in (pair.student, pair.peer)]
        return float((maps[0] - maps[1]).abs().mean())

    assert disagreement(100.0) < 0.7 * disagreement(0.0)


def test_the_weight_of_mutual_learning_counts(batch):
    torch.manual_seed(0)
    pair = DmlDetection(STUDENT).eval()
    once = pair(batch)["dml"]
    pair.dml_weight = 10.0
    torch.testing.assert_close(pair(batch)["dml"], 10 * once)
