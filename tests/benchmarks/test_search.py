"""Variants of a bundle: fields of the manifest, fields of its resizing and language model, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks.search import changed
from ocr_core.bundle.store import open_store

STORE = Path(__file__).parents[2] / "models"


@pytest.fixture
def bundle():
    return open_store(str(STORE)).open("ppocrv2-en")


def test_fields_of_the_detector_and_of_its_resizing_are_set(bundle):
    new = changed(bundle, "score=fast,box_threshold=0.4,max_pixels=737280,split_threshold=").manifest.models.detector
    assert (new.score, new.box_threshold, new.split_threshold, new.resize.max_pixels) == ("fast", 0.4, None, 737280)
    old = bundle.manifest.models.detector
    assert (new.weights, new.resize.min_side) == (old.weights, old.resize.min_side)


def test_the_language_model_is_weighed_or_left_out(bundle):
    language = changed(bundle, "weight=0.25,bonus=2").manifest.models.recognizer.language
    assert (language.weight, language.bonus) == (0.25, 2)
    assert language.model == bundle.manifest.models.recognizer.language.model
    assert changed(bundle, "language=").manifest.models.recognizer.language is None


def test_no_variant_is_the_bundle_as_it_is(bundle):
    assert changed(bundle, "").manifest == bundle.manifest


def test_unknown_fields_are_refused(bundle):
    with pytest.raises(ValidationError, match="box_treshold"):
        changed(bundle, "box_treshold=0.4")
