"""What a PP-OCR model is, found out from its ONNX file.

The files say little of themselves. What they do not say is found by running them, and what cannot be found is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from ocr_core.backends.base import Tensor
from ocr_core.bundle.dictionary import characters_for, find_dictionary
from ocr_core.bundle.onnx_files import OnnxModel
from ocr_core.bundle.writer import describe_file
from ocr_core.errors import BundleImportError
from ocr_core.specs import ClassifierSpec, DetectorResize, DetectorSpec, Normalization, RecognizerSpec

Fields = Mapping[str, Any]
"""Fields of a manifest's model that shall be other than what was found or is the default."""

AS_FOUND: Final[Fields] = MappingProxyType({})
IMAGENET_ON_BGR: Final = Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""PaddleOCR's detectors see BGR normalised with constants that were listed for RGB; RapidOCR takes 0.5 throughout."""


def default_widths(height: int) -> tuple[int, ...]:
    """Return the widths in pixels to which lines of `height` are padded.

    Padding costs time and every further shape memory, so steps are fine where most lines are: 32 pixels up to 384, 64
    up to 768, 128 up to 1280 for a height of 48, and as many for any other. Longer lines are read in windows.
    """
    step = max(8, round(height * 32 / 48 / 8) * 8)
    return tuple(step * i for i in (*range(1, 13), *range(14, 25, 2), *range(28, 41, 4)))


def detector_spec(path: Path, work: Path, fields: Fields) -> DetectorSpec:
    """Look at a detector, write it without denormals to `work`, and return its part of the manifest.

    Raises:
        BundleImportError: it is no detector, or one of fixed size.
    """
    model = _open(path, "detector")
    if model.input_shape[2:] != (None, None):
        raise BundleImportError(f"{path}: a detector must take any height and width, this one {model.input_shape}.")
    output = model.run(_noise(2, 64, 96))
    if output.shape != (2, 1, 64, 96) or output.min() < 0 or output.max() > 1:
        raise BundleImportError(
            f"{path}: a detector gives N×1×H×W probabilities; a 2×3×64×96 input gave {output.shape}, "
            f"{output.min():.3g} to {output.max():.3g}. Is this the detector, with its sigmoid?"
        )
    spec = {
        "normalization": IMAGENET_ON_BGR,
        "resize": DetectorResize(min_side=640, max_side=1600, max_pixels=720 * 1024),
        "box_threshold": 0.5,
        **_network(model, work, "detector", {}),
    }
    return DetectorSpec.model_validate({**spec, **fields})


def recognizer_spec(path: Path, work: Path, dictionary: Path | None, fields: Fields) -> RecognizerSpec:
    """Look at a recognizer, write it without denormals to `work`, and return its part of the manifest.

    The height of its lines is what the file declares, else what its metadata `shape` says, else what the number of
    frames tells that it gives for a line of 320 pixels.

    Raises:
        BundleImportError: it is no recognizer, or its dictionary is missing or another model's.
    """
    model = _open(path, "recognizer")
    height = fields.get("height") or model.input_shape[2] or _metadata_height(model) or _probed_height(model)
    width = model.input_shape[3]
    widths = fields.get("widths") or ((width,) if width else default_widths(height))
    output = model.run(_noise(2, height, widths[0]))
    if output.ndim != 3 or len(output) != 2:
        raise BundleImportError(f"{path}: a recognizer gives N×T×C, this one {output.shape}. Is this the recognizer?")
    if widths[-1] != widths[0]:
        model.run(_noise(1, height, widths[-1]))
    entries = find_dictionary(path, model.metadata, dictionary)
    spec = {
        "height": height,
        "widths": widths,
        "output_kind": "probabilities" if _sums_to_one(output) else "logits",
        "characters": characters_for(output.shape[2], entries, path),
        "normalization": Normalization(),
        **_network(model, work, "recognizer", {"character": "\n".join(entries)}),
    }
    return RecognizerSpec.model_validate({**spec, **fields})


def classifier_spec(path: Path, work: Path, fields: Fields) -> ClassifierSpec:
    """Look at a direction classifier, write it without denormals to `work`, and return its part of the manifest.

    Raises:
        BundleImportError: it is no classifier of two directions.
    """
    model = _open(path, "classifier")
    # The generations differ in their input, and converters leave it open: the newer one is named after its network.
    height, width = (80, 160) if "lcnet" in path.name.lower() or "textline" in path.name.lower() else (48, 192)
    height = fields.get("height") or model.input_shape[2] or height
    width = fields.get("width") or model.input_shape[3] or width
    output = model.run(_noise(2, height, width))
    if output.shape != (2, 2) or not _sums_to_one(output):
        raise BundleImportError(
            f"{path}: a direction classifier gives N×2 probabilities, this one {output.shape}. Is this the classifier?"
        )
    spec = {"height": height, "width": width, "normalization": Normalization()}
    return ClassifierSpec.model_validate({**spec, **_network(model, work, "classifier", {}), **fields})


def _open(path: Path, role: str) -> OnnxModel:
    model = OnnxModel(path)
    shape = model.input_shape
    if len(shape) != 4 or shape[0] is not None or shape[1] not in (3, None):
        raise BundleImportError(f"{path}: a {role} takes any number of 3-channel images, N×3×H×W; this one {shape}.")
    return model


def _network(model: OnnxModel, work: Path, role: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    flushed = model.flush_denormals()
    saved = model.save(work / f"{role}.onnx", {**metadata, "role": role, "denormals_flushed": str(flushed)})
    return {"weights": describe_file(saved), "opset": model.opset, "input": model.input, "output": model.output}


def _noise(n: int, height: int, width: int) -> Tensor:
    return np.random.default_rng(0).uniform(-1, 1, (n, 3, height, width)).astype(np.float32)


def _sums_to_one(rows: Tensor) -> bool:
    return bool(rows.min() >= 0 and np.allclose(rows.sum(-1), 1, atol=1e-2))


def _metadata_height(model: OnnxModel) -> int | None:
    try:
        shape = json.loads(model.metadata["shape"])
        return int(shape[-2]) if int(shape[-2]) > 0 else None
    except (KeyError, ValueError, TypeError, IndexError):
        return None


def _probed_height(model: OnnxModel) -> int:
    # v1 and v2 read lines 32 pixels high in frames of 4 pixels, later ones 48 pixels high in frames of 8.
    for height, frame in ((48, 8), (32, 4)):
        try:
            frames = model.run(_noise(1, height, 320)).shape[1]
        except BundleImportError:
            continue
        if frames * frame == 320:
            return height
    raise BundleImportError(f"{model.path}: for which height of lines it is made cannot be told; name the height.")
