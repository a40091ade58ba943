"""The store that is used where none is named: `./models`, and behind it what comes with the package."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import write_small_bundle

from ocr_core.bundle import store as module
from ocr_core.bundle.store import DEFAULT_MODEL, open_store, shipped_models
from ocr_core.errors import BundleNotFoundError, BundleSchemaError

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder with `small@v1`, which stands for what comes with the package."""
    folder = tmp_path / "site-packages/models"
    open_store(folder).publish(write_small_bundle(tmp_path / "v1"))
    monkeypatch.setattr(module, "shipped_models", lambda: folder)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_in_a_clone_the_models_lie_beside_the_package(here):
    assert shipped_models() == REPOSITORY / "models"
    assert open_store().open(DEFAULT_MODEL).path.parent == REPOSITORY / "models" / DEFAULT_MODEL


def test_in_the_clone_itself_there_is_one_store(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    assert open_store().url == open_store("./models").url


def test_an_empty_folder_has_what_is_shipped(shipped, here):
    store = open_store()
    assert store.open("small").path == shipped / "small/v1"
    assert store.url == str(shipped)
    with pytest.raises(BundleNotFoundError, match=f"no bundle 'other' in {shipped}. .* has small"):
        store.open("other")
    assert list(here.iterdir()) == []


def test_what_is_published_goes_to_the_folder_and_nothing_to_the_package(shipped, here, tmp_path):
    before = files(shipped)
    store = open_store()
    store.publish(write_small_bundle(tmp_path / "other", name="other"))
    assert (here / "models/other/current").read_text() == "v1\n"
    assert store.list() == (("other", "v1", True), ("small", "v1", True))
    assert files(shipped) == before


def test_a_newer_version_in_the_folder_comes_first_and_one_can_go_back(shipped, here, tmp_path):
    store = open_store()
    store.publish(write_small_bundle(tmp_path / "v2", version="v2"))
    assert store.versions("small") == ("v1", "v2")
    assert store.open("small").path == here / "models/small/v2"
    store.use("small", "v1")
    assert store.open("small").path == shipped / "small/v1"


def test_a_version_of_the_folder_that_is_damaged_is_not_passed_over(shipped, here, tmp_path):
    store = open_store()
    open_store(here / "models").publish(write_small_bundle(tmp_path / "again"))
    (here / "models/small/v1/manifest.json").write_text("{}")
    with pytest.raises(BundleSchemaError):
        store.open("small")


def test_a_folder_called_models_that_holds_something_else_is_no_trouble(shipped, here):
    (here / "models").mkdir()
    (here / "models/__init__.py").write_text("class Customer: ...\n")
    assert open_store().open("small").path == shipped / "small/v1"


def test_a_store_that_is_named_is_the_only_one(shipped, here):
    with pytest.raises(BundleNotFoundError, match="models does not exist: make a bundle"):
        open_store("models").open("small")
    (here / "models").mkdir()
    with pytest.raises(BundleNotFoundError, match="models is empty: make a bundle"):
        open_store("models").open("small")


def test_nothing_shipped(here, monkeypatch):
    monkeypatch.setattr(module, "shipped_models", lambda: None)
    with pytest.raises(BundleNotFoundError, match=f"{here / 'models'} does not exist"):
        open_store().open("small")


def test_a_link_that_leads_in_a_circle_is_told_as_one(shipped, here):
    (here / "models").symlink_to("models")
    with pytest.raises(OSError, match="symbolic links"):
        open_store().open("small")
