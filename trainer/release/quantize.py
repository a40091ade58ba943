"""`trainer quantize`: a bundle of 8-bit integers from a bundle of floats, if it reads nearly as well.

Post-training quantization (NNCF): no training, only the ranges of the activations on real inputs. The files stay ONNX,
with QuantizeLinear and DequantizeLinear around each layer, which OpenVINO and onnxruntime both turn into integers.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from ocr_core.backends import load_backend
from ocr_core.backends.base import Backend, Network, Result, Role, Tensor
from ocr_core.bundle.base import Store
from ocr_core.bundle.golden import check_golden
from ocr_core.bundle.reader import Bundle
from ocr_core.bundle.writer import describe_file, make_manifest, write_bundle
from ocr_core.pipeline.engine import Engine
from trainer.config import QuantizeConfig
from trainer.data.page_sources import all_pages
from trainer.data.problems import Problems
from trainer.errors import ConfigError, GateError
from trainer.release.gate import mean, score
from trainer.release.publish import Published

log = logging.getLogger(__name__)
CALIBRATION_SEED = 7
MOST_INPUTS = 300
"""Inputs of a network that are kept; ranges change little after so many."""
QUANTIZED: tuple[Role, ...] = ("detector", "recognizer")


class RecordingBackend:
    """A backend that keeps what its networks are fed."""

    def __init__(self, backend: Backend) -> None:
        self.name, self.provider, self.policy = backend.name, backend.provider, backend.policy
        self.inputs: defaultdict[Role, list[Tensor]] = defaultdict(list)
        self._backend = backend

    def load(self, path: Path, role: Role) -> Network:
        """Load an ONNX file."""
        return _RecordingNetwork(self._backend.load(path, role), self.inputs[role])


class _RecordingNetwork:
    def __init__(self, network: Network, inputs: list[Tensor]) -> None:
        self._network = network
        self._inputs = inputs

    def __call__(self, batch: Tensor) -> Tensor:
        return self.reduce(batch, np.array)

    def reduce(self, batch: Tensor, function: Callable[[Tensor], Result]) -> Result:
        self._inputs.append(batch.copy())
        return self._network.reduce(batch, function)

    def close(self) -> None:
        self._network.close()


def quantize(config: QuantizeConfig, store: Store, root: Path, *, force: bool = False) -> Published:
    """Quantize a bundle of the store and publish the result under the configuration's name.

    Args:
        config: what to quantize and the gate.
        store: from which and to which.
        root: folder that the configuration's data lies below.
        force: publish even if it reads worse than the margin allows.

    Returns:
        the new bundle, its scores and those of its source.

    Raises:
        ConfigError: NNCF is not installed, or the calibration pages show a network nothing.
        GateError: it reads worse than its source by more than the margin, which can be forced, or does not read the
            golden image, which cannot.
    """
    source = store.open(config.source)
    inputs = calibration_inputs(source, config, root)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        draft = _quantized(source, inputs, config, work)
        scores, before = score(draft, config, root), score(source, config, root)
        lost = mean(before, config.metric) - mean(scores, config.metric)
        log.info("%s: %.4f, by %.4f less than %s", config.metric, mean(scores, config.metric), lost, source.ref)
        if lost > config.margin and not force:
            raise GateError(f"{config.metric} is {lost:.4f} below that of {source.ref}; the margin is {config.margin}")
        manifest = draft.manifest.model_copy(update={"scores": scores})
        bundle = write_bundle(work / "final", manifest, [draft.file(file) for file in draft.manifest.files()])
        store.publish(bundle)
    return Published(store.open(bundle.ref), scores, before)


def calibration_inputs(bundle: Bundle, config: QuantizeConfig, root: Path) -> dict[Role, list[Tensor]]:
    """Return what the networks of `bundle` are fed when it reads the calibration pages, evenly thinned."""
    backend = RecordingBackend(load_backend("auto", precision="f32"))
    engine = Engine(bundle, backend)
    try:
        for pages in config.calibrate_on:
            for page in itertools.islice(all_pages(pages, root, CALIBRATION_SEED, Problems()), config.pages):
                engine.read(page.pixels)
    finally:
        engine.close()
    return {role: inputs[:: -(-len(inputs) // MOST_INPUTS)] for role, inputs in backend.inputs.items() if inputs}


def _quantized(source: Bundle, inputs: dict[Role, list[Tensor]], config: QuantizeConfig, work: Path) -> Bundle:
    """Write the quantized bundle, without scores, into `work`."""
    models, files = source.manifest.models, []
    for role in QUANTIZED:
        spec = models.detector if role == "detector" else models.recognizer
        if role not in inputs:
            raise ConfigError(f"the calibration pages gave the {role} nothing to do")
        path = work / f"{role}.onnx"
        quantize_onnx(source.file(spec.weights), path, spec.input, inputs[role], config.keep)
        models = models.model_copy(update={role: spec.model_copy(update={"weights": describe_file(path)})})
        files.append(path)
    rest = [file for file in source.manifest.files() if file not in _weights(source)]
    manifest = make_manifest(
        name=config.name,
        origin=source.manifest.origin.model_copy(update={"source": f"{source.ref}, quantized"}),
        models=models,
        golden=source.manifest.golden,
    )
    bundle = write_bundle(work / "draft", manifest, [*files, *map(source.file, rest)])
    engine = Engine.load(bundle)
    try:
        check_golden(bundle, lambda pixels: tuple(line.text for line in engine.read(pixels).lines))
    finally:
        engine.close()
    return bundle


def _weights(bundle: Bundle) -> tuple[object, ...]:
    models = bundle.manifest.models
    return (models.detector.weights, models.recognizer.weights)


def quantize_onnx(path: Path, target: Path, name: str, inputs: list[Tensor], keep: tuple[str, ...] = ()) -> None:
    """Write the network at `path` in 8-bit integers to `target`.

    Args:
        path: an ONNX file.
        target: where to write.
        name: of its input.
        inputs: real ones, N×C×H×W of any shapes.
        keep: regular expressions of names of nodes that stay as they are.

    Raises:
        ConfigError: NNCF is not installed.
    """
    try:
        import nncf
    except ImportError as error:
        raise ConfigError("quantizing needs NNCF: pip install 'ocr-service[quantize]'") from error
    quantized = nncf.quantize(
        onnx.load(path),
        nncf.Dataset(inputs, lambda batch: {name: batch}),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        # The patterns are for both networks: one need not have what the other keeps.
        ignored_scope=nncf.IgnoredScope(patterns=list(keep), validate=False),
    )
    onnx.save(quantized, target)
