"""What each recognition method trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.losses.center import Centers, center_loss
from trainer.losses.ctc import ctc_loss, framewise_loss
from trainer.losses.udml import feature_loss, mutual_logits_loss
from trainer.methods.recognition import PlainRecognition, RecognitionLosses, UdmlRecognition
from trainer.nets.recognizer import RecognizerConfig

CLASSES = 7
CONFIG = RecognizerConfig(backbone="lcnet_fast", neck="mixer")


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return {
        "images": torch.randn(2, 3, 32, 32),
        "labels": torch.tensor([[1, 2], [3, 0]]),
        "lengths": torch.tensor([2, 1]),
        "targets": torch.tensor([[-1, 1, -1, -1, -1, 2, -1, -1], [-1, -1, -1, 3, -1, -1, -1, -1]]),
    }


def centers():
    return Centers(torch.randn(CLASSES, 96), torch.ones(CLASSES, dtype=torch.int64))


def test_plain_recognition_is_ctc(batch):
    method = PlainRecognition(CONFIG, CLASSES).eval()
    logits = method.student.outputs(batch["images"]).logits
    losses = method(batch)
    assert set(losses) == {"ctc"}
    torch.testing.assert_close(losses["ctc"], ctc_loss(logits, batch["labels"], batch["lengths"]))


@pytest.mark.parametrize(("progress", "weight"), [(0.0, 10.0), (0.4, 5.0), (0.8, None), (1.0, None)])
def test_framewise_term_fades_out(batch, progress, weight):
    method = PlainRecognition(CONFIG, CLASSES, RecognitionLosses(framewise=10.0, framewise_until=0.8)).eval()
    losses = method(batch, progress)
    if weight is None:
        assert "framewise" not in losses
    else:
        logits = method.student.outputs(batch["images"]).logits
        torch.testing.assert_close(losses["framewise"], weight * framewise_loss(logits, batch["targets"]))


def test_enhanced_ctc_adds_the_center_loss(batch):
    terms = RecognitionLosses(centers=centers(), center_weight=0.05)
    method = PlainRecognition(CONFIG, CLASSES, terms).eval()
    outputs = method.student.outputs(batch["images"])
    expected = 0.05 * center_loss(outputs.features, outputs.logits, terms.centers)
    torch.testing.assert_close(method(batch)["center"], expected)


def test_udml_trains_both_networks(batch):
    method = UdmlRecognition(CONFIG, CLASSES, RecognitionLosses(centers=centers(), framewise=1.0)).train()
    losses = method(batch)
    of_one = {"ctc", "framewise", "center"}
    assert set(losses) == of_one | {f"peer_{name}" for name in of_one} | {"dml", "feature"}
    torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in method.parameters())


def test_udml_terms_are_those_of_the_losses(batch):
    method = UdmlRecognition(CONFIG, CLASSES).eval()
    losses = method(batch)
    student, peer = method.student.outputs(batch["images"]), method.peer.outputs(batch["images"])
    torch.testing.assert_close(losses["dml"], mutual_logits_loss(student.logits, peer.logits))
    torch.testing.assert_close(losses["feature"], feature_loss(student.backbone, peer.backbone))


def test_students_start_from_different_states():
    method = UdmlRecognition(CONFIG, CLASSES)
    student, peer = (nn.utils.parameters_to_vector(network.parameters()) for network in (method.student, method.peer))
    assert not torch.equal(student, peer)


def test_a_pair_comes_to_agree(batch):
    """Of two pairs with one start the one that learns from each other disagrees less in the end."""

    def disagreement(mutual):
        torch.manual_seed(1)
        pair = UdmlRecognition(CONFIG, CLASSES)
        optimizer = torch.optim.Adam(pair.parameters(), 1e-3)
        for _ in range(20):
            optimizer.zero_grad()
            losses = pair(batch)
            kept = [value for name, value in losses.items() if mutual or name not in ("dml", "feature")]
            torch.stack(kept).sum().backward()
            optimizer.step()
        with torch.no_grad():
            student, peer = (network.outputs(batch["images"]) for network in (pair.student, pair.peer))
        distance = (student.logits.softmax(2) - peer.logits.softmax(2)).abs().mean()
        return float(distance), float((student.backbone - peer.backbone).square().mean())

    for together, apart in zip(disagreement(True), disagreement(False), strict=True):
        assert together < 0.7 * apart
