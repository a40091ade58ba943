"""A bundle anew, with other widths."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.bundle.store import open_store
from trainer.errors import ConfigError
from trainer.release.widths import publish_widths

SHIPPED = Path(__file__).parents[3] / "models"


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path)
    store.publish(open_store(SHIPPED).open("ppocrv2-en"))
    return store


def test_the_new_version_is_the_old_one_but_for_its_widths(store):
    before = store.open("ppocrv2-en")
    published = publish_widths(store, "ppocrv2-en", [64, 320, 800])
    after = store.open("ppocrv2-en")
    assert after.ref == published.ref != before.ref
    assert after.manifest.models.recognizer.widths == (64, 320, 800)
    assert set(after.manifest.files()) == set(before.manifest.files())
    assert after.manifest.scores == before.manifest.scores


@pytest.mark.parametrize("widths", [[], [96, 48], [0, 48]])
def test_widths_that_cannot_be_publish_nothing(store, widths):
    before = store.open("ppocrv2-en").ref
    with pytest.raises(ConfigError, match="widths"):
        publish_widths(store, "ppocrv2-en", widths)
    assert store.open("ppocrv2-en").ref == before
