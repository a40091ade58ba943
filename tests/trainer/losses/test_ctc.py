"""CTC, its framewise help, and Enhanced CTC against numbers worked out by hand (PP-OCRv2, eqs. 5 and 10 to 12)."""

from __future__ import annotations

import math

import pytest
import torch

from trainer.losses.center import CenterAccumulator, Centers, center_loss, greedy_decode
from trainer.losses.ctc import ctc_loss, framewise_loss
from trainer.nets.recognizer import RecognizerOutputs


def test_ctc_loss_is_summed_over_the_label():
    # Uniform over 3 classes, 2 frames. "1": paths 11, 01, 10 of probability 1/9 each, -ln(3/9) = ln 3.
    # "12": the one path 12, -ln(1/9) = 2 ln 3. The mean of the lines is 1.5 ln 3, not divided by their lengths.
    logits = torch.zeros(2, 2, 3)
    loss = ctc_loss(logits, torch.tensor([[1, 0], [1, 2]]), torch.tensor([1, 2]))
    assert loss.item() == pytest.approx(1.5 * math.log(3), abs=1e-5)


def test_ctc_loss_of_a_line_that_does_not_fit_is_zero_and_gives_no_gradient():
    logits = torch.zeros(1, 2, 3, requires_grad=True)
    loss = ctc_loss(logits, torch.tensor([[1, 1]]), torch.tensor([2]))  # a repeat needs three frames
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_ctc_loss_of_an_empty_line_wants_blanks():
    logits = torch.zeros(1, 2, 3)
    loss = ctc_loss(logits, torch.zeros(1, 1, dtype=torch.long), torch.tensor([0]))
    assert loss.item() == pytest.approx(2 * math.log(3), abs=1e-5)


def test_framewise_loss_is_the_mean_over_known_frames():
    # p = (1/4, 3/4) in both known frames: -ln(3/4) and -ln(1/4); the third frame is unknown.
    logits = torch.tensor([0.0, math.log(3)]).expand(1, 3, 2)
    loss = framewise_loss(logits, torch.tensor([[1, 0, -1]]))
    assert loss.item() == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2, abs=1e-6)


def test_framewise_loss_of_unknown_frames_is_zero():
    assert framewise_loss(torch.zeros(1, 2, 3), torch.full((1, 2), -1)).item() == 0


def test_center_loss():
    # Frame 0 is read as class 1: |(1, 2) - (0, 0)|^2 = 5. Frame 1 as class 0, which has no center. Mean of two: 2.5.
    logits = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    features = torch.tensor([[[1.0, 2.0], [9.0, 9.0]]], requires_grad=True)
    centers = Centers(torch.tensor([[3.0, 3.0], [0.0, 0.0]]), torch.tensor([0, 7]))
    loss = center_loss(features, logits, centers)
    loss.backward()
    assert loss.item() == 2.5
    assert features.grad.tolist() == [[[1.0, 2.0], [0.0, 0.0]]]


@pytest.mark.parametrize(
    ("frames", "label"),
    [([0, 1, 1, 0, 1, 2], [1, 1, 2]), ([0, 0], []), ([3], [3]), ([2, 2, 2], [2])],
)
def test_greedy_decode(frames, label):
    assert greedy_decode(torch.tensor(frames)).tolist() == label


def one_hot(classes, frames):
    return torch.nn.functional.one_hot(torch.tensor(frames), classes).float()


def test_centers_are_means_over_lines_read_rightly():
    # Line 0 is read "1" (right): frames 0, 1, 1. Line 1 is read "2" but says "1": it teaches nothing.
    logits = one_hot(3, [[0, 1, 1], [2, 2, 0]])
    features = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [4.0, 2.0]], [[9.0, 9.0]] * 3])
    accumulator = CenterAccumulator(classes=3, width=2)
    outputs = RecognizerOutputs(torch.empty(0), features, logits)
    assert accumulator.update(outputs, torch.tensor([[1, 0], [1, 0]]), torch.tensor([1, 1])) == 1
    centers = accumulator.centers()
    assert centers.values.tolist() == [[1, 0], [3, 1], [0, 0]]
    assert centers.counts.tolist() == [1, 2, 0]


def test_centers_grow_over_batches():
    accumulator = CenterAccumulator(classes=2, width=1)
    for value in (1.0, 3.0):
        outputs = RecognizerOutputs(torch.empty(0), torch.tensor([[[value]]]), one_hot(2, [[1]]))
        accumulator.update(outputs, torch.tensor([[1]]), torch.tensor([1]))
    assert accumulator.centers().values.tolist() == [[0], [2]]
