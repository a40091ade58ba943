"""A reader that needs no model, and the images that tests send."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from ocr_core.backends.base import Policy, Tensor
from ocr_core.backends.fake import FakeBackend, Function
from ocr_core.bundle.manifest import Golden, Manifest, Models, Origin, Score
from ocr_core.bundle.reader import Bundle
from ocr_core.detection.detector import Detector
from ocr_core.pipeline.result import Line, Page, ReadOptions, Word
from ocr_core.pipeline.runner import Networks
from ocr_core.recognition.recognizer import Recognizer
from ocr_core.specs import File, NetworkSpec

PATIENCE = 120.0
"""Seconds after which a test that waits for another thread gives up."""

QUAD = np.array([[1, 2], [30, 2], [30, 12], [1, 12]], np.float32)

_FILE = File(file="x.onnx", sha256="0" * 64, bytes=1)
_NETWORK = NetworkSpec(weights=_FILE, opset=17, input="x", output="y", normalization={}).model_dump()


def until(condition: Callable[[], object]) -> None:
    """Let other threads run until `condition` holds, for states that have no event."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0)


def bundle(name: str = "fake", version: str = "1") -> Bundle:
    detector = {**_NETWORK, "resize": {"max_side": 320}}
    recognizer = {**_NETWORK, "height": 32, "widths": (256, 512), "characters": ("a",)}
    manifest = Manifest(
        name=name,
        version=version,
        created=datetime(2026, 1, 1, tzinfo=timezone.utc),
        origin=Origin(tool="tests", source="tests"),
        models=Models.model_validate({"detector": detector, "recognizer": recognizer}),
        golden=Golden(image=File(file="golden.png", sha256="0" * 64, bytes=1), text=("a",)),
        scores=(Score(dataset="receipts", metric="word_f1", value=0.9, images=50),),
    )
    return Bundle(path=Path("nowhere"), manifest=manifest, digest=hashlib.sha256(version.encode()).hexdigest())


def dark(batch: Tensor) -> Tensor:
    """Find text wherever it is dark."""
    return (batch.mean(axis=1, keepdims=True) < 0).astype(np.float32)


def always_a(batch: Tensor) -> Tensor:
    """Read every line as `a`, in the third of eight frames."""
    output = np.zeros((len(batch), 8, 2), np.float32)
    output[:, :, 0] = 1
    output[:, 2] = (0.05, 0.95)
    return output


def networks_of(
    model: Bundle, policy: Policy, detect: Function = dark, recognize: Function = always_a, *, again: bool = False
) -> Networks:
    """Return networks that are plain functions; with `again` the recognizer is the second one too."""
    backend = FakeBackend({"detector": detect, "recognizer": recognize}, policy)
    specs = model.manifest.models
    return Networks(
        Detector(backend.networks["detector"], specs.detector),
        Recognizer(backend.networks["recognizer"], specs.recognizer, policy),
        None,
        Recognizer(backend.networks["recognizer"], specs.recognizer, policy) if again else None,
    )


DIGEST = bundle().digest


def two_lines(pixels: np.ndarray, options: ReadOptions) -> Page:
    """Give one good line and one doubtful one, as an engine would under `options`."""
    word = Word(text="Total", confidence=0.99, quad=QUAD)
    lines = [
        Line(text="Total 12.95", confidence=0.987654, quad=QUAD, words=(word,) if options.words else ()),
        Line(text="smudge", confidence=0.55, quad=QUAD + 20),
    ]
    kept = tuple(line for line in lines if line.confidence >= options.min_confidence)
    height, width = pixels.shape[:2]
    return Page(
        width=width,
        height=height,
        rotation=0,
        lines=kept if options.detect else kept[:1],
        seconds={"det": 0.02, "crop": 0.001, "rec": 0.03, "post": 0.002},
    )


class FakeReader:
    """Gives what `page` gives. With `held`, reading waits until `release` is called."""

    def __init__(
        self,
        page: Callable[[np.ndarray, ReadOptions], Page] = two_lines,
        *,
        held: bool = False,
        streams: int = 1,
        name: str = "fake",
        version: str = "1",
    ) -> None:
        self.bundle = bundle(name, version)
        policy = Policy(streams=streams, threads=streams, max_batch=1)
        self.backend = SimpleNamespace(name="fake", provider="FakeProvider", policy=policy)
        self.networks = networks_of(self.bundle, policy)
        self.calls: list[ReadOptions] = []
        self.steps: list[str] = []
        self.started = threading.Semaphore(0)
        self._page = page
        self._open = threading.Event()
        if not held:
            self._open.set()

    def release(self) -> None:
        self._open.set()

    def warm_up(self) -> None:
        self.steps.append("warm_up")

    def read(self, pixels: np.ndarray, options: ReadOptions, *, runner: object = None) -> Page:
        assert "close" not in self.steps
        self.calls.append(options)
        self.started.release()
        assert self._open.wait(PATIENCE)
        return self._page(pixels, options)

    def close(self) -> None:
        self.steps.append("close")


def picture(width: int = 40, height: int = 30) -> np.ndarray:
    """Return a BGR image that no codec turns into nothing."""
    ramp = np.linspace(0, 255, width * height, dtype=np.uint8).reshape(height, width)
    return cv2.merge([ramp, ramp[::-1], ramp[:, ::-1]])


def encoded(suffix: str = ".png", width: int = 40, height: int = 30) -> bytes:
    return cv2.imencode(suffix, picture(width, height))[1].tobytes()


def page_of_text() -> bytes:
    """Return a white page with a dark bar, where `dark` finds a line."""
    pixels = np.full((120, 320, 3), 255, np.uint8)
    cv2.rectangle(pixels, (40, 50), (199, 69), (0, 0, 0), cv2.FILLED)
    return cv2.imencode(".png", pixels)[1].tobytes()


def parts(*files: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    """Return the `files` argument of httpx for several uploads, named 1.png and so on."""
    return [("file", (f"{i}.png", data)) for i, data in enumerate(files, start=1)]
