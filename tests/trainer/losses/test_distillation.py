"""DML, the teacher's target and U-DML against numbers worked out by hand (PP-OCRv2, eqs. 2, 3 and 6 to 8)."""

from __future__ import annotations

import math

import pytest
import torch

from trainer.losses.cml import dilated_target, distillation_loss
from trainer.losses.dml import mutual_map_loss
from trainer.losses.udml import feature_loss, mutual_logits_loss
from trainer.nets.detector import DetectorMaps


def test_mutual_map_loss():
    # (p - q) ln(p / q) / 2: (0.8 - 0.2) ln 4 / 2 = 0.3 ln 4, and 0 where the maps agree; the mean of the two pixels.
    p, q = torch.tensor([[[0.8, 0.5]]]), torch.tensor([[[0.2, 0.5]]])
    assert mutual_map_loss(p, q).item() == pytest.approx(0.3 * math.log(4) / 2, abs=1e-4)
    assert mutual_map_loss(q, p).item() == pytest.approx(mutual_map_loss(p, q).item(), abs=1e-6)


def test_mutual_map_loss_trains_both_maps():
    p, q = torch.tensor([[[0.8]]], requires_grad=True), torch.tensor([[[0.2]]], requires_grad=True)
    mutual_map_loss(p, q).backward()
    assert p.grad.item() > 0 > q.grad.item()


def test_mutual_map_loss_is_finite_at_the_ends():
    assert math.isfinite(mutual_map_loss(torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[1.0, 0.0]]])).item())


def test_dilation_grows_right_and_down():
    teacher = torch.zeros(1, 4, 4)
    teacher[0, 1, 2] = 0.9
    expected = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]])
    assert torch.equal(dilated_target(teacher)[0], expected.float())


@pytest.mark.parametrize(("probability", "text"), [(0.29, 0), (0.3, 0), (0.31, 1)])
def test_teacher_is_believed_above_its_threshold(probability, text):
    assert dilated_target(torch.full((1, 1, 1), probability)).item() == text


def test_distillation_loss():
    # The teacher's text at pixel 0 grows to pixel 1: t = (1, 1, 0). The threshold map plays no part.
    # Dice(P) = 1 - 2 (.5 + .5) / (1.5 + 2) = 3/7; B = P. Five and one of it: 18/7.
    shrink = torch.tensor([[[0.5, 0.5, 0.5]]])
    maps = DetectorMaps(shrink, torch.full_like(shrink, math.nan), shrink)
    teacher = torch.tensor([[[0.9, 0.1, 0.1]]])
    mask = torch.ones(1, 1, 3)
    target = dilated_target(teacher)
    assert distillation_loss(maps, target, mask, "dice").item() == pytest.approx(18 / 7, abs=1e-5)
    # BCE: every pixel costs ln 2; two of text and one of background.
    expected = 5 * math.log(2) + 3 / 7
    assert distillation_loss(maps, target, mask, "bce").item() == pytest.approx(expected, abs=1e-5)


def test_mutual_logits_loss():
    # p = (3/4, 1/4), q = (1/2, 1/2). KL(p||q) = 3/4 ln(3/2) + 1/4 ln(1/2); KL(q||p) = 1/2 ln(2/3) + 1/2 ln 2.
    # Three equal frames, two lines: the sum over 6 frames divided by 2 is 3 times the mean of both directions.
    first = torch.tensor([math.log(3), 0.0]).expand(2, 3, 2)
    second = torch.zeros(2, 3, 2)
    p_q = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    q_p = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)
    assert mutual_logits_loss(first, second).item() == pytest.approx(3 * (p_q + q_p) / 2, abs=1e-6)


def test_mutual_logits_loss_draws_each_network_to_the_other_as_a_constant():
    # d KL(target || softmax(x)) / dx = softmax(x) - target; halved: (p - q) / 2 = (1/8, -1/8) for the first.
    first = torch.tensor([[[math.log(3), 0.0]]], requires_grad=True)
    second = torch.zeros(1, 1, 2, requires_grad=True)
    mutual_logits_loss(first, second).backward()
    torch.testing.assert_close(first.grad, torch.tensor([[[0.125, -0.125]]]))
    torch.testing.assert_close(second.grad, torch.tensor([[[-0.125, 0.125]]]))


def test_feature_loss():
    # ((1 - 0)^2 + (2 - 5)^2) / 2 = 5; gradients 2 (a - b) / 2 to both.
    first = torch.tensor([1.0, 2.0], requires_grad=True)
    second = torch.tensor([0.0, 5.0], requires_grad=True)
    loss = feature_loss(first, second)
    loss.backward()
    assert loss.item() == 5
    assert first.grad.tolist() == [1, -3]
    assert second.grad.tolist() == [-1, 3]
