from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from synthetic import small_manifest, write_small_bundle

from ocr_core.bundle.reader import read_bundle
from ocr_core.bundle.writer import copy_bundle, write_bundle
from ocr_core.errors import (
    BundleCorruptError,
    BundleError,
    BundleExistsError,
    BundleNotFoundError,
    BundleSchemaError,
)


def test_what_is_written_is_read(tmp_path):
    written = write_small_bundle(tmp_path / "b")
    read = read_bundle(tmp_path / "b")
    assert read == written
    assert read.ref == "small@v1"
    assert read.manifest.models.recognizer.characters == ("a", "b", "\u3000", "🇪🇺", " ")
    assert read.file(read.manifest.models.detector.weights).read_bytes() == b"detector"
    assert read.digest == hashlib.sha256((tmp_path / "b" / "manifest.json").read_bytes()).hexdigest()


def test_default_versions_hold_time_and_content(tmp_path):
    one = write_small_bundle(tmp_path / "one", version=None).manifest
    other = write_small_bundle(tmp_path / "other", version=None, seed="other").manifest
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{8}", one.version)
    taken = datetime.strptime(one.version[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    assert taken == one.created
    assert one.version[-8:] != other.version[-8:]


def test_nothing_is_overwritten(tmp_path):
    bundle = write_small_bundle(tmp_path / "b")
    other = write_small_bundle(tmp_path / "c", seed="other")
    with pytest.raises(BundleExistsError, match="never overwritten"):
        copy_bundle(other, tmp_path / "b")
    assert read_bundle(tmp_path / "b") == bundle
    assert not list(tmp_path.glob(".*"))


def test_a_copy_is_the_same_bundle(tmp_path):
    bundle = write_small_bundle(tmp_path / "b")
    assert copy_bundle(bundle, tmp_path / "c").digest == bundle.digest


def test_a_source_that_changed_after_it_was_described_is_refused(tmp_path):
    write_small_bundle(tmp_path / "b")
    files = tmp_path / "b-files"
    manifest = small_manifest(files)
    (files / "detector.onnx").write_bytes(b"DETECTOR")
    with pytest.raises(BundleCorruptError, match="sha256"):
        write_bundle(tmp_path / "c", manifest, sorted(files.iterdir()))
    assert not (tmp_path / "c").exists()
    assert not list(tmp_path.glob(".*"))


def _edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        path = folder / "manifest.json"
        fields = json.loads(path.read_text())
        change(fields)
        path.write_text(json.dumps(fields))

    return apply


def _detector_file(name: str) -> Callable[[Path], object]:
    return _edit(lambda fields: fields["models"]["detector"]["weights"].update(file=name))


def _link_out(folder: Path) -> None:
    (folder / "detector.onnx").rename(folder.parent / "elsewhere.onnx")
    (folder / "detector.onnx").symlink_to(folder.parent / "elsewhere.onnx")


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        pytest.param(
            lambda b: (b / "detector.onnx").write_bytes(b"dexector"), BundleCorruptError, "sha256", id="wrong hash"
        ),
        pytest.param(
            lambda b: (b / "detector.onnx").write_bytes(b"detect"), BundleCorruptError, "6 bytes", id="cut short"
        ),
        pytest.param(lambda b: (b / "golden.png").unlink(), BundleCorruptError, "golden.png: missing", id="no file"),
        pytest.param(lambda b: (b / "manifest.json").unlink(), BundleCorruptError, "never finished", id="no manifest"),
        pytest.param(
            lambda b: (b / "manifest.json").write_bytes((b / "manifest.json").read_bytes()[:300]),
            BundleCorruptError,
            "damaged",
            id="truncated manifest",
        ),
        pytest.param(
            lambda b: (b / "manifest.json").write_bytes(b"\xff\xfe"), BundleCorruptError, "damaged", id="not text"
        ),
        pytest.param(
            lambda b: (b / "manifest.json").write_text("[1]"), BundleCorruptError, "no JSON object", id="a list"
        ),
        pytest.param(
            _edit(lambda m: m.update(schema_version=2)),
            BundleSchemaError,
            "follows schema 2, and this release reads schema 1. Install the release",
            id="later schema",
        ),
        pytest.param(_edit(lambda m: m.pop("schema_version")), BundleSchemaError, "schema None", id="no schema"),
        pytest.param(
            _edit(lambda m: m["models"]["detector"].update(attention=True)),
            BundleSchemaError,
            "models.detector.attention: Extra inputs are not permitted",
            id="unknown field",
        ),
        pytest.param(
            _edit(lambda m: m["models"].pop("recognizer")), BundleSchemaError, "models.recognizer", id="no recognizer"
        ),
        pytest.param(_detector_file("../b-files/detector.onnx"), BundleSchemaError, "weights.file", id="climbs out"),
        pytest.param(_detector_file("/etc/passwd"), BundleSchemaError, "weights.file", id="absolute"),
        pytest.param(_detector_file(".."), BundleSchemaError, "weights.file", id="parent"),
        pytest.param(_detector_file("a\\..\\..\\b"), BundleSchemaError, "weights.file", id="climbs out on Windows"),
        pytest.param(_detector_file("manifest.json"), BundleSchemaError, "uses itself", id="names the manifest"),
        pytest.param(_detector_file("recognizer.onnx"), BundleSchemaError, "same name", id="one name twice"),
        pytest.param(_link_out, BundleCorruptError, "leads out of the bundle", id="symlink out"),
    ],
)
def test_damaged_bundles_are_refused(tmp_path, damage, error, message):
    write_small_bundle(tmp_path / "b")
    damage(tmp_path / "b")
    with pytest.raises(error, match=re.escape(message)) as caught:
        read_bundle(tmp_path / "b")
    assert type(caught.value) is error
    assert str(tmp_path / "b") in str(caught.value)


def test_links_within_the_bundle_are_followed(tmp_path):
    bundle = write_small_bundle(tmp_path / "b")
    (tmp_path / "b" / "..data").mkdir()
    (tmp_path / "b" / "detector.onnx").rename(tmp_path / "b" / "..data" / "detector.onnx")
    (tmp_path / "b" / "detector.onnx").symlink_to("..data/detector.onnx")
    (tmp_path / "mounted").symlink_to(tmp_path / "b")
    assert read_bundle(tmp_path / "mounted").digest == bundle.digest


def test_without_verifying_only_content_goes_unseen(tmp_path):
    write_small_bundle(tmp_path / "b")
    (tmp_path / "b" / "detector.onnx").write_bytes(b"dexector")
    read_bundle(tmp_path / "b", verify=False)
    (tmp_path / "b" / "detector.onnx").unlink()
    with pytest.raises(BundleCorruptError):
        read_bundle(tmp_path / "b", verify=False)


def test_a_missing_folder_is_not_found(tmp_path):
    with pytest.raises(BundleNotFoundError):
        read_bundle(tmp_path / "none")


@pytest.mark.parametrize("version", ["current", "Current", "../up", ".hidden", "", "a/b"])
def test_versions_that_a_store_cannot_hold_are_refused(tmp_path, version):
    with pytest.raises(ValidationError):
        write_small_bundle(tmp_path / "b", version=version)


def test_bundle_errors_carry_codes_of_their_own():
    kinds = (BundleError, *BundleError.__subclasses__())
    assert len({kind.code for kind in kinds}) == len(kinds)
