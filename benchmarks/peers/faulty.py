"""The service with a fake engine that does what a file says: nothing in it, `hang`, `raise` or `die`.

    faulty.py MOOD_FILE STORE MODEL PORT

The bundle is opened for its manifest; the networks find and read nothing.
"""

from __future__ import annotations

import functools
import sys
import threading
from pathlib import Path

import numpy as np

import service.app
from ocr_core.backends.base import Policy, Tensor
from ocr_core.backends.fake import FakeBackend
from ocr_core.bundle.store import open_store
from ocr_core.errors import BackendError
from ocr_core.pipeline.engine import Engine
from service.cli import app


class Networks:
    """Functions for a fake backend."""

    def __init__(self, mood: Path, classes: int) -> None:
        self._mood = mood
        self._classes = classes

    def detect(self, batch: Tensor) -> Tensor:
        """Find text nowhere."""
        return np.zeros((len(batch), 1, *batch.shape[2:]), np.float32)

    def recognize(self, batch: Tensor) -> Tensor:
        """Read nothing, or fail in the way that the file says."""
        match self._mood.read_text():
            case "hang":
                threading.Event().wait()
            case "raise":
                raise BackendError("told to fail")
            case "die":
                raise SystemExit
        output = np.zeros((len(batch), batch.shape[3] // 8, self._classes), np.float32)
        output[:, :, 0] = 1
        return output


def main(mood: str, store: str, model: str, port: str) -> None:
    """Serve until told to stop."""
    bundle = open_store(store).open(model)
    networks = Networks(Path(mood), len(bundle.manifest.models.recognizer.characters) + 1)
    functions = {"detector": networks.detect, "recognizer": networks.recognize}
    backend = FakeBackend(functions, Policy(streams=1, threads=1, max_batch=1))
    service.app.create_app = functools.partial(service.app.create_app, engine_factory=lambda _: Engine(bundle, backend))
    app(["serve", "--host", "127.0.0.1", "--port", port, "--store", store, "--model", model])


if __name__ == "__main__":
    main(*sys.argv[1:])
