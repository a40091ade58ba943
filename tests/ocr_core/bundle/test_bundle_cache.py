"""The cache of remote stores is bounded, and takes nothing away that another process is about to read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from synthetic import write_small_bundle

from ocr_core.bundle import cache
from ocr_core.bundle.cache import GRACE_SECONDS, KEPT, evict
from ocr_core.bundle.reader import read_bundle
from ocr_core.bundle.remote import RemoteStore

OTHER = """
import sys
from pathlib import Path
from fsspec.implementations.local import LocalFileSystem
from ocr_core.bundle.reader import read_bundle
from ocr_core.bundle.remote import RemoteStore

store = RemoteStore(LocalFileSystem(), sys.argv[1], url="remote", cache=Path(sys.argv[2]))
for line in sys.stdin:
    bundle = store.open(line.strip())
    print("opened", flush=True)
    sys.stdin.readline()
    print(read_bundle(bundle.path).ref, flush=True)
"""
VERSIONS = [f"v{number}" for number in range(8)]


@pytest.fixture
def store(tmp_path: Path) -> RemoteStore:
    """Give a store with eight versions that is remote as far as anyone can tell."""
    store = RemoteStore(
        LocalFileSystem(auto_mkdir=True), str(tmp_path / "store"), url="remote", cache=tmp_path / "cache"
    )
    for version in VERSIONS:
        store.publish(write_small_bundle(tmp_path / version, version=version, seed=version))
    return store


def cached(store: RemoteStore) -> list[str]:
    return sorted(entry.name.partition("-")[0] for entry in (store.cache / "small").iterdir())


def age(store: RemoteStore, version: str = "v", seconds: float = GRACE_SECONDS + 60) -> None:
    """Let it be so long ago that `version`, or any, was asked for; the order stays."""
    for entry in (store.cache / "small").glob(f"{version}*"):
        asked_for = entry.stat().st_mtime - seconds
        os.utime(entry, (asked_for, asked_for))


def test_a_cache_keeps_the_versions_that_were_asked_for_last(store):
    for version in VERSIONS:
        store.open(f"small@{version}")
        age(store)
    assert cached(store) == VERSIONS[-KEPT:]
    oldest = store.open(f"small@{VERSIONS[-KEPT]}")
    store.open("small@v0")
    assert cached(store) == ["v0", VERSIONS[-KEPT], *VERSIONS[2 - KEPT :]]
    assert read_bundle(oldest.path) == oldest
    assert not list(store.cache.rglob(".*"))


def test_what_was_asked_for_within_the_hour_stays_however_much_it_is(store):
    for version in VERSIONS:
        store.open(f"small@{version}")
    assert cached(store) == VERSIONS


def test_names_do_not_crowd_each_other_out(store, tmp_path):
    store.publish(write_small_bundle(tmp_path / "other", name="other"))
    other = store.open("other")
    age(store)
    for version in VERSIONS:
        store.open(f"small@{version}")
        age(store)
    assert read_bundle(other.path) == other


@contextmanager
def another_process(store: RemoteStore) -> Iterator[subprocess.Popen]:
    arguments = [sys.executable, "-c", OTHER, store._root, str(store.cache)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as other:
        yield other
        other.stdin.close()
        assert other.wait(60) == 0


def test_another_process_reads_what_it_opened_while_this_one_evicts(store):
    with another_process(store) as other:
        for version in VERSIONS:
            store.open(f"small@{version}")
        age(store)
        other.stdin.write("small@v0\n")  # the oldest, which would be the first to go
        assert other.stdout.readline() == "opened\n"
        evict(store.cache / "small")
        assert cached(store) == ["v0", *VERSIONS[1 - KEPT :]]
        other.stdin.write("go on\n")
        assert other.stdout.readline() == "small@v0\n"

        age(store)
        for version in VERSIONS[1:]:
            store.open(f"small@{version}")
        assert "v0" not in cached(store)
        other.stdin.write("small@v0\ngo on\n")  # what was evicted is fetched again
        assert [other.stdout.readline() for _ in range(2)] == ["opened\n", "small@v0\n"]


def test_a_bundle_goes_whole_even_if_whoever_removes_it_is_killed(store, monkeypatch):
    for version in VERSIONS:
        store.open(f"small@{version}")
    age(store)
    with monkeypatch.context() as patched:
        patched.setattr(cache.shutil, "rmtree", lambda *_, **__: None)
        store.open("small@v0")
    left = {entry.name for entry in (store.cache / "small").iterdir() if entry.name.startswith(".")}
    assert len(left) == len(VERSIONS) - KEPT
    assert store.open("small@v1").ref == "small@v1"  # not what lies half removed
    assert not list((store.cache / "small").glob(".*"))


def test_a_cache_that_is_read_only_can_be_read(store, monkeypatch):
    bundle = store.open("small@v1")

    def refused(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache.os, "utime", refused)
    assert store.open("small@v1") == bundle
