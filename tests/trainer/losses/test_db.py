"""The DB loss against numbers worked out by hand (PP-OCRv2, eq. 1; facts 2.5)."""

from __future__ import annotations

import math

import pytest
import torch

from trainer.losses.db import balanced_bce, db_loss, dice_loss, masked_l1, shrink_loss, sum_of_largest
from trainer.nets.detector import DetectorMaps


def row(*values):
    """A batch of one map of one row."""
    return torch.tensor([[values]], dtype=torch.float32)


ONES = row(1, 1, 1, 1, 1, 1)


def test_masked_l1():
    # |0.5 - 0.3| + |0.9 - 0.7| = 0.4 over two pixels; the third is masked.
    loss = masked_l1(row(0.5, 0.9, 0.1), row(0.3, 0.7, 0.9), row(1, 1, 0))
    assert loss.item() == pytest.approx(0.4 / 2, abs=1e-6)


def test_masked_l1_of_a_page_without_borders_is_zero():
    assert masked_l1(row(0.5), row(0.3), row(0)).item() == 0


def test_dice():
    # sum(xtm) = 0.8 + 0.5 = 1.3; sum(xm) = 0.8 + 0.5 + 0.1 = 1.4; sum(tm) = 2; 1 - 2.6 / 3.4.
    loss = dice_loss(row(0.8, 0.5, 0.1, 0.9), row(1, 1, 0, 1), row(1, 1, 1, 0))
    assert loss.item() == pytest.approx(1 - 2.6 / 3.4, abs=1e-6)


def test_dice_of_equal_maps_is_zero():
    assert dice_loss(row(1, 0, 1), row(1, 0, 1), row(1, 1, 1)).item() == pytest.approx(0, abs=1e-6)


def test_dice_without_text_still_pushes_the_map_down():
    predicted = row(0.2, 0.6, 0.9).requires_grad_()
    loss = dice_loss(predicted, row(0, 0, 0), row(1, 1, 0))
    loss.backward()
    assert loss.item() == pytest.approx(0.4, abs=1e-5)  # (0.2 + 0.6) / 2
    assert (predicted.grad[0, 0, :2] > 0).all()


def test_balanced_bce_takes_three_hardest_background_pixels_for_each_of_text():
    # One pixel of text at 0.5: -ln 0.5. Background at .1 .2 .3 .4 .5: the hardest three are .3 .4 .5.
    loss = balanced_bce(row(0.5, 0.1, 0.2, 0.3, 0.4, 0.5), row(1, 0, 0, 0, 0, 0), ONES)
    expected = -(math.log(0.5) + math.log(0.7) + math.log(0.6) + math.log(0.5)) / 4
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_balanced_bce_counts_pixels_by_their_weight():
    twice = balanced_bce(row(0.5, 0.8, 0.1), row(1, 1, 0), row(2, 1, 1))
    each = balanced_bce(row(0.5, 0.5, 0.8, 0.1), row(1, 1, 1, 0), row(1, 1, 1, 1))
    assert twice.item() == pytest.approx(each.item())


def test_balanced_bce_ignores_masked_pixels():
    # The hardest pixel (.5) is masked; .2 .3 .4 remain among the three hardest.
    loss = balanced_bce(row(0.5, 0.1, 0.2, 0.3, 0.4, 0.5), row(1, 0, 0, 0, 0, 0), row(1, 1, 1, 1, 1, 0))
    expected = -(math.log(0.5) + math.log(0.8) + math.log(0.7) + math.log(0.6)) / 4
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_balanced_bce_with_little_background_takes_it_all():
    loss = balanced_bce(row(0.5, 0.8, 0.2), row(1, 1, 0), row(1, 1, 1))
    assert loss.item() == pytest.approx(-(math.log(0.5) + math.log(0.8) + math.log(0.8)) / 3, abs=1e-6)


def test_balanced_bce_without_text_counts_all_background():
    predicted = row(0.5, 0.2).requires_grad_()
    loss = balanced_bce(predicted, row(0, 0), row(1, 1))
    loss.backward()
    assert loss.item() == pytest.approx(-(math.log(0.5) + math.log(0.8)) / 2, abs=1e-6)
    assert (predicted.grad > 0).all()


def test_balanced_bce_without_text_or_background_is_zero():
    assert balanced_bce(row(0.5), row(1), row(0)).item() == 0


def test_shrink_loss_is_chosen_by_name():
    arguments = row(0.8, 0.1), row(1, 0), row(1, 1)
    assert shrink_loss(*arguments, "bce") == balanced_bce(*arguments)
    assert shrink_loss(*arguments, "dice") == dice_loss(*arguments)


def test_db_loss_weighs_shrink_5_threshold_10_binary_1():
    # P = (.5, .5), T = P, hence B = (.5, .5); the first pixel is text, its threshold should be .7.
    maps = DetectorMaps(row(0.5, 0.5), row(0.5, 0.5), row(0.5, 0.5))
    losses = db_loss(maps, row(1, 0), row(1, 1), row(0.7, 0.3), row(1, 0), "bce")
    assert losses["shrink"].item() == pytest.approx(5 * math.log(2), abs=1e-5)
    assert losses["threshold"].item() == pytest.approx(10 * 0.2, abs=1e-4)
    assert losses["binary"].item() == pytest.approx(1 - 2 * 0.5 / (1 + 1), abs=1e-5)


def test_losses_run_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        assert balanced_bce(row(0.5, 0.5), row(1, 0), row(1, 1)).item() == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize(("count", "total"), [(0, 0.0), (1, 0.9), (3, 2.1), (4, 2.2), (9, 2.2)])
def test_sum_of_largest(count, total):
    values = torch.tensor([0.1, 0.9, 0.5, 0.7])
    assert sum_of_largest(values, torch.tensor(float(count))).item() == pytest.approx(total)
