"""Parameter counts and shapes that the facts file works out (sections 1.5, 5.2, 11)."""

from __future__ import annotations

import pytest
import torch

from trainer.checkpoint import load_weights, write_tensors
from trainer.nets.classifier import build_classifier
from trainer.nets.detector import STUDENT, TEACHER, build_detector
from trainer.nets.recognizer import MOBILE, PAPER, SERVER, RecognizerConfig, build_recognizer


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("config", "training", "inference", "parts"),
    [
        (STUDENT, 583_234, 559_977, (398_480, 138_240, 23_257)),
        (TEACHER, 12_364_386, 12_199_969, (11_199_968, 835_584, 164_417)),
    ],
    ids=["student", "teacher"],
)
def test_detector_has_the_parameters_of_the_paper(config, training, inference, parts):
    detector = build_detector(config)
    assert count(detector) == training
    assert count(detector) - count(detector.threshold) == inference
    assert (count(detector.backbone), count(detector.neck), count(detector.shrink)) == parts


def test_recognizer_has_the_parameters_of_the_paper():
    recognizer = build_recognizer(PAPER, 6625)
    assert count(recognizer) == 2_066_433
    assert count(recognizer.backbone) == 1_016_160
    assert count(recognizer.neck) == 395_264
    assert count(recognizer.head) == 655_009


def test_a_head_of_one_layer_is_larger():
    assert count(build_recognizer(RecognizerConfig(head_features=0), 6625).head) == 854_625


@pytest.mark.parametrize(
    ("name", "classes", "parameters"),
    [
        ("direction", 2, 129_356),
        ("lcnet_x1_0", 1000, 2_952_520),
        ("mobilenet_v1_x0_75", 1000, 2_585_560),
        ("mobilenet_v2_x0_75", 1000, 2_628_592),
        ("mobilenet_v3_small_x1_0", 1000, 2_939_958),
        ("mobilenet_v3_large_x0_5", 1000, 2_673_422),
        ("ghostnet_x0_5", 1000, 2_588_232),
    ],
)
def test_classifier_has_its_parameters_and_gives_logits(name, classes, parameters):
    classifier = build_classifier(name, classes).eval()
    image = torch.zeros(1, 3, 48, 192) if name == "direction" else torch.zeros(1, 3, 224, 224)
    with torch.inference_mode():
        assert classifier(image).shape == (1, classes)
    assert count(classifier) == parameters


def test_lcnet_halves_an_image_five_times():
    classifier = build_classifier("lcnet_x1_0", 10).eval()
    with torch.inference_mode():
        assert classifier.features(torch.zeros(1, 3, 224, 224)).shape == (1, 512, 7, 7)


def test_detector_maps_of_640_pixels():
    detector = build_detector().eval()
    image = torch.zeros(1, 3, 640, 640)
    with torch.inference_mode():
        pyramid = detector.backbone.pyramid(image)
        assert [tuple(x.shape[1:]) for x in pyramid] == [(16, 160, 160), (24, 80, 80), (56, 40, 40), (480, 20, 20)]
        assert detector.neck(pyramid).shape == (1, 96, 160, 160)
        assert detector(image).shape == (1, 1, 640, 640)


def test_teacher_pyramid_is_at_the_scales_of_the_student():
    with torch.inference_mode():
        pyramid = build_detector(TEACHER).eval().backbone.pyramid(torch.zeros(1, 3, 64, 96))
    assert [tuple(x.shape[1:]) for x in pyramid] == [(64, 16, 24), (128, 8, 12), (256, 4, 6), (512, 2, 3)]


def test_recognizer_outputs_of_a_line_320_wide():
    outputs = build_recognizer(PAPER, 6625).eval().outputs(torch.zeros(1, 3, 32, 320))
    assert outputs.backbone.shape == (1, 512, 1, 80)
    assert outputs.features.shape == (1, 80, 96)
    assert outputs.logits.shape == (1, 80, 6625)


CONFIGS = [PAPER, MOBILE, SERVER, RecognizerConfig("lcnet_fast", "mixer"), RecognizerConfig("lcnet_fast", height=48)]


@pytest.mark.parametrize("width", [16, 97, 98, 99, 100])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.backbone}-{config.neck}-{config.height}")
def test_frames_tells_how_many_frames_come(config, width):
    recognizer = build_recognizer(config, 11).eval()
    with torch.inference_mode():
        probabilities = recognizer(torch.rand(2, 3, config.height, width))
    assert probabilities.shape == (2, recognizer.frames(width), 11)
    torch.testing.assert_close(probabilities.sum(2), torch.ones(2, recognizer.frames(width)))


def test_grey_reads_one_or_three_channels_alike():
    recognizer = build_recognizer(RecognizerConfig(backbone="lcnet_fast", neck="mixer", grey=True), 11).eval()
    grey = torch.rand(1, 1, 32, 64)
    with torch.inference_mode():
        torch.testing.assert_close(recognizer(grey), recognizer(grey.expand(1, 3, 32, 64)))


def test_a_deeper_neck_starts_as_the_shallower_one_that_it_is_loaded_from(tmp_path):
    shallow = build_recognizer(RecognizerConfig("lcnet_fast", "mixer", hidden=16), 11).eval()
    for block in shallow.neck.blocks:
        torch.nn.init.normal_(block.mix[-1][1].weight)  # as if it had been trained
    write_tensors(tmp_path / "state", shallow.state_dict(), {})
    deep = build_recognizer(RecognizerConfig("lcnet_fast", "mixer", hidden=16, depth=5), 11).eval()
    load_weights(deep, tmp_path / "state", fresh=("neck.blocks.",))
    image = torch.rand(2, 3, 32, 96)
    assert len(deep.neck.blocks) == 5
    torch.testing.assert_close(deep(image), shallow(image))
