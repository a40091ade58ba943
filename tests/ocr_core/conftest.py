"""An engine that reads the stripes of `stripes.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
import stripes
from hypothesis import settings

from ocr_core.backends import Policy
from ocr_core.backends.fake import FakeBackend
from ocr_core.bundle.manifest import Golden, Manifest, Models, Origin
from ocr_core.bundle.reader import Bundle
from ocr_core.pipeline import Engine
from ocr_core.specs import ClassifierSpec, DetectorSpec, RecognizerSpec, SecondRecognizerSpec

settings.register_profile("ocr_core", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("ocr_core")


@pytest.fixture
def make_engine(detector_spec, recognizer_spec) -> Iterator[Callable[..., Engine]]:
    """Make an engine; `functions` replace networks, `fields` those of the recognizer, whose files lie in `folder`.

    `resize` says in which size pages are searched, `faint` how those of few lines are looked over, `second` what is
    different about a second recognizer.
    """
    engines = []

    def make(
        policy=None,
        *,
        classifier=False,
        functions=None,
        folder="unused",
        resize=None,
        faint=None,
        second=None,
        **fields,
    ) -> Engine:
        detector: DetectorSpec = detector_spec(**({"resize": resize} if resize else {}), faint=faint)
        recognizer: RecognizerSpec = recognizer_spec(characters=stripes.CHARACTERS, **fields)
        direction = None
        if classifier:
            shared = detector.model_dump(include={"weights", "opset", "input", "output", "normalization"})
            direction = ClassifierSpec(**shared, height=48, width=192)
        again = None
        if second is not None:
            again = SecondRecognizerSpec(**(recognizer.model_dump() | second))
        manifest = Manifest(
            name="stripes",
            version="1",
            created=datetime(2021, 9, 7, tzinfo=timezone.utc),
            origin=Origin(tool="test", source="test"),
            models=Models(detector=detector, recognizer=recognizer, classifier=direction, second=again),
            golden=Golden(image=detector.weights, text=("0",)),
        )
        networks = {"detector": stripes.detect, "recognizer": stripes.recognize, "classifier": stripes.classify}
        backend = FakeBackend({**networks, **(functions or {})}, policy)
        engine = Engine(Bundle(path=Path(folder), manifest=manifest, digest="0" * 64), backend)
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(make_engine) -> Engine:
    return make_engine(Policy(streams=1, threads=1, max_batch=1))
