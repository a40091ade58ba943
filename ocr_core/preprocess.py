"""From uint8 pixels to the float32 tensors that networks take."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.backends.base import Tensor
from ocr_core.bundle.manifest import Normalization

Pixels = NDArray[np.uint8]
"""H×W×3, BGR."""


def normalize_into(pixels: Pixels, spec: Normalization, out: Tensor) -> None:
    """Write `(pixel · scale − mean) / std` of H×W×3 BGR pixels into C×H×W `out`, channels in the order of `spec`."""
    if spec.color == "gray":
        planes = [cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)]
    else:
        planes = list(cv2.split(pixels)) if spec.color == "bgr" else list(cv2.split(pixels)[::-1])
    for plane, mean, std, target in zip(planes, spec.mean, spec.std, out, strict=True):
        np.multiply(plane, np.float32(spec.scale / std), out=target)
        np.subtract(target, np.float32(mean / std), out=target)
