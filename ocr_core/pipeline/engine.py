"""The engine: a bundle loaded into a backend, which reads images from any number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ocr_core.backends import Backend, BackendName, Precision, load_backend
from ocr_core.backends.base import Role
from ocr_core.bundle.reader import Bundle
from ocr_core.detection.detector import Detector
from ocr_core.errors import BackendError
from ocr_core.memory import return_free_memory
from ocr_core.pipeline.call import Call
from ocr_core.pipeline.result import Page, ReadOptions
from ocr_core.pipeline.runner import LocalRunner, Networks, Runner
from ocr_core.preprocess import Pixels
from ocr_core.recognition.classifier import Classifier
from ocr_core.recognition.language import LanguageModel
from ocr_core.recognition.recognizer import Recognizer
from ocr_core.specs import File, RecognizerSpec

PAGES = ((1600, 1600), (1240, 1754), (1754, 1240), (800, 1800))
"""Sizes that warm the detector up: the largest square takes the most memory, then upright, lying and narrow pages."""


class Engine:
    """Reads images with the networks of one bundle. `read` may be called from any thread."""

    def __init__(self, bundle: Bundle, backend: Backend) -> None:
        models = bundle.manifest.models
        self.bundle = bundle
        self.backend = backend
        self._languages: dict[str, LanguageModel] = {}
        classifier = None
        if models.classifier is not None:
            network = backend.load(bundle.file(models.classifier.weights), "classifier")
            classifier = Classifier(network, models.classifier)
        self.networks = Networks(
            Detector(backend.load(bundle.file(models.detector.weights), "detector"), models.detector),
            self._reader(models.recognizer, "recognizer"),
            classifier,
            self._reader(models.second, "second") if models.second else None,
            models.second.below if models.second else 0.0,
        )
        self._pool = ThreadPoolExecutor(backend.policy.streams, thread_name_prefix="ocr")
        self._runner = LocalRunner(self.networks, backend.policy, self._pool)
        self._closed = False

    def _reader(self, spec: RecognizerSpec, role: Role) -> Recognizer:
        network = self.backend.load(self.bundle.file(spec.weights), role)
        language = self._language(spec.language.model) if spec.language else None
        return Recognizer(network, spec, self.backend.policy, language)

    def _language(self, file: File) -> LanguageModel:
        """Return a language model, which both recognizers may share."""
        found = self._languages.get(file.sha256)
        if found is None:
            found = self._languages[file.sha256] = LanguageModel.load(self.bundle.file(file))
        return found

    @classmethod
    def load(
        cls,
        bundle: Bundle,
        *,
        backend: BackendName = "auto",
        threads: int | None = None,
        precision: Precision = "auto",
        cache_dir: Path | None = None,
    ) -> Engine:
        """Load a bundle; the arguments are those of `load_backend`.

        Raises:
            BackendError: the backend cannot be used, or cannot load a network of the bundle.
        """
        return cls(bundle, load_backend(backend, threads=threads, precision=precision, cache_dir=cache_dir))

    def read(self, pixels: Pixels, options: ReadOptions | None = None, *, runner: Runner | None = None) -> Page:
        """Read an image.

        Args:
            pixels: H×W×3 BGR uint8, upright by its EXIF orientation.
            options: choices of this call.
            runner: computes the networks; None computes them here and now.

        Raises:
            BackendError: the engine is closed, or its backend failed.
        """
        if self._closed:
            raise BackendError("the engine is closed")
        return Call(self.networks, runner or self._runner, options or ReadOptions()).read(pixels)

    def warm_up(self) -> None:
        """Run the networks in the shapes that most images need, so that no request pays for a first time."""
        for second in (False, True) if self.networks.second else (False,):
            recognizer = self.networks.reader(second=second)
            for width in recognizer.widths:
                lines = [np.full((recognizer.spec.height, width, 3), 255, np.uint8)] * self.backend.policy.max_batch
                self._runner.recognize(lines * self.backend.policy.streams, second=second)
        detector = self.networks.detector
        for width, height in PAGES:
            page = np.full((height, width, 3), 255, np.uint8)
            for scale in detector.scales():
                self._runner.detect(detector.prepare(page, scale))
        return_free_memory()

    def close(self) -> None:
        """Free the networks; let the reads under way finish before, or they fail half way."""
        self._closed = True
        self._pool.shutdown()
        self.networks.close()
