"""From two trained networks to a bundle without scores."""

from __future__ import annotations

import hashlib
import itertools
import logging
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from ocr_core.backends.base import Role, Tensor
from ocr_core.bundle.manifest import Golden, Models, Origin
from ocr_core.bundle.reader import Bundle
from ocr_core.bundle.writer import describe_file, make_manifest, write_bundle
from ocr_core.detection.detector import Detector
from ocr_core.pipeline.golden import read_golden
from ocr_core.preprocess import Pixels
from ocr_core.recognition.classifier import Classifier
from ocr_core.recognition.language import Table
from ocr_core.recognition.recognizer import Recognizer
from ocr_core.specs import File, Language, NetworkSpec, SecondRecognizerSpec
from ocr_core.version import program_version
from trainer.config import (
    AnyRun,
    ClassifierRun,
    DetectorRun,
    GateConfig,
    LanguageFile,
    PublishConfig,
    RecognizerRun,
)
from trainer.data.line_sources import VALIDATION_SEED
from trainer.data.page_sources import all_pages
from trainer.data.pages import PageSample
from trainer.data.problems import Problems
from trainer.errors import ConfigError, GateError
from trainer.release.export import Trained, export_onnx
from trainer.render.fonts import matplotlib_fonts
from trainer.torch_network import POLICY, TorchNetwork, classifier_spec, detector_spec, recognizer_spec

TASKS: Mapping[Role, str] = {
    "detector": "detector",
    "recognizer": "recognizer",
    "second": "recognizer",
    "classifier": "classifier",
}
"""What a network of each role was trained for."""
READERS: frozenset[Role] = frozenset({"recognizer", "second"})
COMPARED = 3
"""Pages on which the exported networks are compared with those of torch."""
log = logging.getLogger(__name__)


def validation_pages(config: GateConfig, root: Path) -> Iterator[tuple[int, PageSample]]:
    """Yield the number of its source with each page to validate on.

    Raises:
        ConfigError: a source is missing, or a rendered one has no count.
    """
    for number, source in enumerate(config.validate_on):
        for page in all_pages(source, root, VALIDATION_SEED, Problems()):
            yield number, page


def build_bundle(config: PublishConfig, trained: Mapping[Role, Trained], work: Path, root: Path, runs: Path) -> Bundle:
    """Write a bundle without scores into `work`; a language model comes from its file below `runs`.

    Raises:
        ConfigError: a state is of another kind of network than the configuration says, or there is no such file.
        BundleCorruptError: the language model's file is none.
        GateError: the exported networks are not those that were trained, or do not read the golden image.
    """
    pages = [page for _, page in itertools.islice(validation_pages(config, root), COMPARED)]
    models, files = {}, []
    for role, part in trained.items():
        if part.config.task != TASKS[role]:
            raise ConfigError(f"{role}: the state given is that of a {part.config.task}")
        path = work / f"{role}.onnx"
        difference = export_onnx(part, path, _inputs(part, pages), half=config.half)
        log.info("%s: largest difference from torch %.2g", role, difference)
        models[role] = _spec(part.config, describe_file(path), config)
        files.append(path)
    if config.language is not None:
        path = runs / config.language.file
        language = _language(config.language, path)
        for role in READERS & models.keys():
            models[role] = models[role].model_copy(update={"language": language})
        files.append(path)
    if config.second is not None:
        second = dict(models["second"])
        models["second"] = SecondRecognizerSpec(**second, below=config.second.below)
    return _with_golden(config, _origin(config, trained.values()), Models.model_validate(models), files, work)


def _with_golden(config: PublishConfig, origin: Origin, models: Models, files: list[Path], work: Path) -> Bundle:
    """Write the bundle with the first of the golden texts that it reads."""
    readings: list[str] = []
    for text in (config.golden,) if isinstance(config.golden, str) else config.golden:
        image = work / "golden.png"
        cv2.imwrite(str(image), draw_golden(text))
        golden = Golden(image=describe_file(image), text=(text,))
        manifest = make_manifest(name=config.name, origin=origin, models=models, golden=golden)
        bundle = write_bundle(work / f"draft-{len(readings)}", manifest, [*files, image])
        lines = read_golden(bundle)
        if lines == (text,):
            return bundle
        readings.append(f"{list(lines)} instead of {[text]}")
    raise GateError(f"the golden image reads {', '.join(readings)}: train longer, or choose another")


def _spec(run: AnyRun, weights: File, config: PublishConfig) -> NetworkSpec:
    if isinstance(run, DetectorRun):
        return detector_spec(run.model_copy(update={"serving": config.serving or run.serving}), weights)
    if isinstance(run, ClassifierRun):
        return classifier_spec(run, weights)
    spec = recognizer_spec(run, weights)
    return spec.model_copy(update={"widths": config.widths or spec.widths})


def _language(use: LanguageFile, path: Path) -> Language:
    if not path.is_file():
        raise ConfigError(f"language: there is no {path}; `trainer language` writes it")
    Table.read(path)
    return Language(model=describe_file(path), weight=use.weight, bonus=use.bonus)


def _inputs(part: Trained, pages: list[PageSample]) -> list[Tensor]:
    """Return real inputs of several shapes, as the network meets them in service."""
    if isinstance(part.config, DetectorRun):
        return detector_inputs(part.network, part.config, pages)
    if isinstance(part.config, ClassifierRun):
        classifier = Classifier(TorchNetwork(part.network), classifier_spec(part.config))
        strips = [_strip(page.pixels, classifier.spec.height) for page in pages]
        return [classifier.prepare(strips[:count]) for count in range(1, len(strips) + 1)]
    return recognizer_inputs(part.network, part.config, pages)


def detector_inputs(network: nn.Module, config: DetectorRun, pages: list[PageSample]) -> list[Tensor]:
    """Return pages as the detector meets them in service, each of its own shape."""
    serving = Detector(TorchNetwork(network), detector_spec(config))
    return [serving.prepare(page.pixels) for page in pages]


def recognizer_inputs(network: nn.Module, config: RecognizerRun, pages: list[PageSample]) -> list[Tensor]:
    """Return strips of the pages as the recognizer meets lines: one for each input width, in batches of 1, 2 or 3."""
    serving = Recognizer(TorchNetwork(network), recognizer_spec(config), POLICY)
    height = serving.spec.height
    strips = [_strip(page.pixels, height) for page in pages]
    inputs = []
    for number, width in enumerate(serving.widths):
        strip = strips[number % len(strips)]
        repeated = np.tile(strip, (1, -(-width // strip.shape[1]), 1))[:, :width]
        inputs.append(serving.prepare([repeated] * (number % 3 + 1)))
    return inputs


def _strip(pixels: Pixels, height: int) -> Pixels:
    """Return the middle of a page as one long line."""
    top = max(0, pixels.shape[0] // 2 - height // 2)
    strip = pixels[top : top + height]
    return np.asarray(cv2.resize(strip, (strip.shape[1], height)), np.uint8)


def draw_golden(text: str) -> Pixels:
    """Return a white page with `text` in one black line of DejaVu Sans, which comes with matplotlib."""
    font = ImageFont.truetype(matplotlib_fonts() / "DejaVuSans.ttf", 20)
    # As wide as a small page: detectors that enlarge what they are given must not make giants of the letters.
    page = Image.new("RGB", (max(480, int(font.getlength(text)) + 96), 240), "white")
    ImageDraw.Draw(page).text((48, 120), text, fill="black", font=font, anchor="ls")
    return np.ascontiguousarray(np.asarray(page, np.uint8)[:, :, ::-1])


def _origin(config: PublishConfig, trained: Iterable[Trained]) -> Origin:
    recipes = "".join(part.config.recipe_sha256 for part in trained)
    return Origin(
        tool=f"trainer {program_version()}",
        source=_commit(),
        config_sha256=hashlib.sha256(recipes.encode()).hexdigest(),
        licence=config.licence,
    )


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
