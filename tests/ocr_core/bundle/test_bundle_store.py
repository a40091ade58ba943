"""One table of tests for stores in a local folder, in memory and on S3 (moto's server), and those of each kind."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from s3_server import s3_served
from synthetic import write_small_bundle

from ocr_core.bundle.reader import read_bundle
from ocr_core.bundle.store import Store, open_store
from ocr_core.errors import (
    BundleCorruptError,
    BundleError,
    BundleExistsError,
    BundleNotFoundError,
    BundleSchemaError,
)

_counter = itertools.count()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Give the address of a bucket."""
    with s3_served() as fs:
        fs.mkdir("models")
        yield "s3://models"


@pytest.fixture(params=["local", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty store."""
    if request.param == "local":
        return str(tmp_path / "store")
    base = "memory://models" if request.param == "memory" else request.getfixturevalue("s3")
    return f"{base}/{next(_counter)}"


@pytest.fixture
def store(url: str, tmp_path: Path) -> Store:
    return open_store(url, cache=tmp_path / "cache")


def put(store: Store, path: str, content: bytes) -> None:
    """Write into a store what no publisher would."""
    fs, root = fsspec.core.url_to_fs(store.url)
    fs.makedirs(f"{root}/{path}".rpartition("/")[0], exist_ok=True)
    fs.pipe_file(f"{root}/{path}", content)


def remove(store: Store, path: str) -> None:
    fs, root = fsspec.core.url_to_fs(store.url)
    fs.rm_file(f"{root}/{path}")


def get(store: Store, path: str) -> bytes:
    fs, root = fsspec.core.url_to_fs(store.url)
    return fs.cat_file(f"{root}/{path}")


def test_published_bundles_are_listed_and_opened(store, tmp_path):
    for version in ("v2", "v1"):
        store.publish(write_small_bundle(tmp_path / version, version=version, seed=version))
    other = write_small_bundle(tmp_path / "other", name="other")
    store.publish(other, make_current=False)
    assert store.list() == (("other", "v1", False), ("small", "v1", True), ("small", "v2", False))
    assert store.versions("small") == ("v1", "v2")
    assert store.versions("nothing") == ()
    assert store.current("small") == "v1"
    assert store.open("small").ref == "small@v1"
    assert store.open("small@v2").digest == read_bundle(tmp_path / "v2").digest
    assert store.open("other@v1").digest == other.digest
    assert get(store, "small/current") == b"v1\n"


def test_the_current_version_can_be_chosen(store, tmp_path):
    for version in ("v1", "v2"):
        store.publish(write_small_bundle(tmp_path / version, version=version))
    assert store.open("small").ref == "small@v2"
    store.use("small", "v1")
    assert store.open("small").ref == "small@v1"


def test_a_version_is_published_once(store, tmp_path):
    first = write_small_bundle(tmp_path / "first")
    store.publish(first)
    with pytest.raises(BundleExistsError, match=r"small@v1 already"):
        store.publish(write_small_bundle(tmp_path / "second", seed="other"))
    assert store.open("small").digest == first.digest


def test_a_bundle_damaged_since_it_was_written_is_not_published(store, tmp_path):
    bundle = write_small_bundle(tmp_path / "b")
    (tmp_path / "b" / "detector.onnx").write_bytes(b"dexector")
    with pytest.raises(BundleCorruptError):
        store.publish(bundle)
    assert store.list() == ()


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("nothing", "no bundle 'nothing' in .* has other, small"),
        ("ppocrv6", "no bundle 'ppocrv6' in .* has other, small. `ocr models import ppocrv6` makes it"),
        ("small@v9", "no version 'v9' of 'small' in .* It has v1, v2"),
        ("other", "no version of 'other' in .* is current. It has v1: choose one"),
        ("../small", "is not the name of a bundle.* has other, small"),
        ("small@../v1", "is not the name of a bundle"),
        ("small@", "is not the name of a bundle"),
        ("", "is not the name of a bundle"),
        ("Small", "is not the name of a bundle"),
        ("*", "is not the name of a bundle"),
    ],
)
def test_what_is_not_there_is_answered_by_what_is(store, tmp_path, ref, message):
    for version in ("v1", "v2"):
        store.publish(write_small_bundle(tmp_path / version, version=version))
    store.publish(write_small_bundle(tmp_path / "other", name="other"), make_current=False)
    with pytest.raises(BundleNotFoundError, match=message):
        store.open(ref)


def test_an_empty_store_says_how_to_fill_it(store):
    assert store.list() == ()
    with pytest.raises(BundleNotFoundError, match=r"(is empty|does not exist): make a bundle"):
        store.open("small")


def test_half_a_bundle_is_never_seen(store, tmp_path):
    store.publish(write_small_bundle(tmp_path / "b"))
    put(store, "small/v2/detector.onnx", b"detector")
    put(store, "small/.v3.0123.tmp/manifest.json", b"{}")
    put(store, "small/README", b"no version")
    assert store.versions("small") == ("v1",)
    for version in ("v2", "v3"):
        with pytest.raises(BundleError):
            store.use("small", version)
    assert store.current("small") == "v1"


@pytest.mark.parametrize(
    ("path", "content", "error"),
    [
        ("small/v2/detector.onnx", b"dexector", BundleCorruptError),
        ("small/v2/detector.onnx", None, BundleCorruptError),
        ("small/v2/manifest.json", b'{"schema_version"', BundleCorruptError),
        ("small/v2/manifest.json", b'{"schema_version": 2}', BundleSchemaError),
    ],
)
def test_what_cannot_be_verified_is_not_taken_up(store, tmp_path, path, content, error):
    store.publish(write_small_bundle(tmp_path / "v1", version="v1"))
    store.publish(write_small_bundle(tmp_path / "v2", version="v2"), make_current=False)
    remove(store, path)
    if content is not None:
        put(store, path, content)
    with pytest.raises(error):
        store.use("small", "v2")
    assert store.current("small") == "v1"


def test_a_bundle_under_another_name_is_refused(store, tmp_path):
    bundle = write_small_bundle(tmp_path / "b")
    for file in bundle.path.iterdir():
        put(store, f"renamed/v1/{file.name}", file.read_bytes())
    with pytest.raises(BundleCorruptError, match="calls itself small@v1 and lies where renamed@v1"):
        store.open("renamed@v1")


def test_a_pointer_that_holds_no_version_is_refused(store, tmp_path):
    store.publish(write_small_bundle(tmp_path / "b"))
    put(store, "small/current", b"../../etc\n")
    with pytest.raises(BundleCorruptError, match="which is no version"):
        store.open("small")


def test_reading_a_local_store_writes_nothing(tmp_path):
    store = open_store(tmp_path / "store")
    store.publish(write_small_bundle(tmp_path / "b"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*")}
    store.list()
    assert store.open("small").path == tmp_path / "store" / "small" / "v1"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*")} == before
    open_store(tmp_path / "absent").list()
    assert not (tmp_path / "absent").exists()


def test_of_two_local_writers_one_wins(tmp_path):
    store = open_store(tmp_path / "store")
    bundles = [write_small_bundle(tmp_path / str(i), seed=str(i)) for i in range(8)]
    barrier = threading.Barrier(len(bundles))

    def publish(bundle):
        barrier.wait()
        try:
            store.publish(bundle)
        except BundleExistsError:
            return None
        return bundle.digest

    with ThreadPoolExecutor(len(bundles)) as pool:
        winners = [digest for digest in pool.map(publish, bundles) if digest]
    assert winners == [store.open("small").digest]
    assert not list((tmp_path / "store").rglob(".*"))


def test_readers_of_a_local_store_see_whole_bundles_while_others_are_published(tmp_path):
    store = open_store(tmp_path / "store")
    bundles = [write_small_bundle(tmp_path / f"v{i:02}", version=f"v{i:02}", seed=str(i)) for i in range(12)]
    store.publish(bundles[0])

    def publish():
        for bundle in bundles[1:]:
            store.publish(bundle)

    with ThreadPoolExecutor(1) as pool:
        publisher = pool.submit(publish)
        seen = [store.open("small").ref]
        while not publisher.done():
            seen.append(store.open("small").ref)
        publisher.result()
    assert seen == sorted(seen)
    assert store.open("small").ref == "small@v11"


@pytest.fixture(params=["memory", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    base = "memory://models" if request.param == "memory" else request.getfixturevalue("s3")
    return open_store(f"{base}/{next(_counter)}", cache=tmp_path / "cache")


def test_a_remote_bundle_shows_with_its_manifest_and_is_current_after_that(remote, tmp_path, monkeypatch):
    remote.publish(write_small_bundle(tmp_path / "v1", version="v1"))
    steps = []
    pipe_file = remote._fs.pipe_file

    def watched(path, *args, **kwargs):
        pipe_file(path, *args, **kwargs)
        steps.append((path.rpartition("/")[2], remote.versions("small"), remote.open("small").ref))

    monkeypatch.setattr(remote._fs, "pipe_file", watched)
    remote.publish(write_small_bundle(tmp_path / "v2", version="v2"))
    before, after = ("v1",), ("v1", "v2")
    assert steps == [
        ("detector.onnx", before, "small@v1"),
        ("recognizer.onnx", before, "small@v1"),
        ("golden.png", before, "small@v1"),
        ("manifest.json", after, "small@v1"),
        ("current", after, "small@v2"),
    ]


def test_a_remote_publisher_that_was_interrupted_can_go_on(remote, tmp_path):
    bundle = write_small_bundle(tmp_path / "b")
    put(remote, "small/v1/detector.onnx", b"detector")
    remote.publish(bundle)
    assert remote.open("small").digest == bundle.digest


def test_a_remote_publisher_never_overwrites_another(remote, tmp_path):
    put(remote, "small/v1/recognizer.onnx", b"of another")
    with pytest.raises(BundleExistsError, match=r"recognizer\.onnx differs"):
        remote.publish(write_small_bundle(tmp_path / "b"))
    assert get(remote, "small/v1/recognizer.onnx") == b"of another"
    assert remote.list() == ()


def test_a_cached_bundle_is_not_fetched_again_and_a_damaged_one_is(remote, tmp_path):
    remote.publish(write_small_bundle(tmp_path / "b"))
    bundle = remote.open("small")
    assert bundle.path.is_relative_to(tmp_path / "cache")
    detector = bundle.file(bundle.manifest.models.detector.weights)
    detector.write_bytes(b"dexector")
    (bundle.path / "golden.png").unlink()
    assert remote.open("small") == bundle
    assert detector.read_bytes() == b"detector"
    remove(remote, "small/v1/detector.onnx")
    assert remote.open("small") == bundle
    detector.unlink()
    with pytest.raises(BundleCorruptError, match=r"detector\.onnx is missing"):
        remote.open("small")


def test_many_fetch_into_one_cache_at_once(remote, tmp_path):
    remote.publish(write_small_bundle(tmp_path / "b"))
    readers = [open_store(remote.url, cache=tmp_path / "cache") for _ in range(8)]
    barrier = threading.Barrier(len(readers))

    def fetch(store):
        barrier.wait()
        return store.open("small")

    with ThreadPoolExecutor(len(readers)) as pool:
        first, *others = pool.map(fetch, readers)
    assert all(other == first for other in others)
    assert read_bundle(first.path) == first
    assert not list((tmp_path / "cache").rglob(".*"))


def test_stores_that_share_a_cache_do_not_mix(tmp_path):
    stores = [open_store(f"memory://models/{next(_counter)}", cache=tmp_path / "cache") for _ in range(2)]
    for store, seed in zip(stores, "ab", strict=True):
        store.publish(write_small_bundle(tmp_path / seed, seed=seed))
    bundles = [store.open("small@v1") for store in stores]
    assert bundles[0].path != bundles[1].path
    for bundle, seed in zip(bundles, "ab", strict=True):
        assert bundle.digest == read_bundle(tmp_path / seed).digest


def test_a_store_that_cannot_be_reached_says_so(s3, tmp_path):
    with pytest.raises(BundleError, match=r"s3://nobody/models cannot be reached.*Check the address"):
        open_store("s3://nobody/models", cache=tmp_path).list()


@pytest.mark.parametrize(
    ("url", "message"), [("nosuch://a/b", "A store is a local folder or"), ("needy://a/b", "Please install needy")]
)
def test_addresses_that_cannot_be_served_are_refused(url, message):
    fsspec.register_implementation("needy", "needyfs.FileSystem", clobber=True, errtxt="Please install needy")
    with pytest.raises(BundleError, match=message):
        open_store(url)


def test_a_file_url_is_a_local_store(tmp_path):
    open_store(tmp_path / "store").publish(write_small_bundle(tmp_path / "b"))
    assert open_store(f"file://{tmp_path}/store").open("small").path == tmp_path / "store" / "small" / "v1"
