"""What several test modules share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from ocr_core.specs import DetectorSpec, File, RecognizerSpec

cv2.setNumThreads(1)

_NETWORK: dict[str, Any] = {
    "weights": File(file="model.onnx", sha256="0" * 64, bytes=1),
    "opset": 17,
    "input": "x",
    "output": "y",
    "normalization": {},
}


@pytest.fixture(scope="session")
def detector_spec() -> Callable[..., DetectorSpec]:
    """Make a DetectorSpec; arguments replace fields."""
    return lambda **fields: DetectorSpec.model_validate({**_NETWORK, **fields})


@pytest.fixture(scope="session")
def recognizer_spec() -> Callable[..., RecognizerSpec]:
    """Make a RecognizerSpec of the digits; arguments replace fields."""
    defaults = {"height": 32, "widths": (64, 128, 256), "characters": tuple("0123456789 ")}
    return lambda **fields: RecognizerSpec.model_validate({**_NETWORK, **defaults, **fields})


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20210907)
