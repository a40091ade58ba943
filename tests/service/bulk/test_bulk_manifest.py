"""What became of each file, kept through kills at any byte."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from service.bulk.destination import LocalDestination, StoreDestination
from service.bulk.errors import StoppedError
from service.bulk.items import Shard
from service.bulk.manifest import Entry, Manifest

DONE = Entry(name='caf\udce9 "\n.png', status="done", sha256="0" * 64, pages=2, outputs={"x": 3}, stamp="1-2")
FAILED = Entry(name="b.png", status="failed", error={"code": "undecodable_image", "detail": "damaged"})
FILE = "_ocr/manifest-00000-of-00001.jsonl"


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


def opened(folder: Path, shard: Shard = Shard()) -> Manifest:  # noqa: B008
    return Manifest(LocalDestination(str(folder), str(shard)), shard)


def written(folder: Path, *entries: Entry, shard: Shard = Shard()) -> None:  # noqa: B008
    manifest = opened(folder, shard)
    manifest.begin()
    for entry in entries:
        manifest.add(entry)
    manifest.close()


def test_entries_come_back_as_they_were_and_failed_ones_lie_apart(tmp_path: Path) -> None:
    written(tmp_path, DONE, FAILED)
    manifest = opened(tmp_path)
    assert (manifest.get(DONE.name), manifest.get("b.png"), manifest.get("c.png")) == (DONE, FAILED, None)
    assert manifest.failed() == [FAILED]
    failed = (tmp_path / "_ocr" / "failed-00000-of-00001.jsonl").read_bytes()
    assert [Entry.parse(line) for line in failed.splitlines()] == [FAILED]


def test_every_entry_is_in_the_file_once_it_is_added(tmp_path: Path) -> None:
    manifest = opened(tmp_path)
    manifest.begin()
    manifest.add(DONE)
    assert opened(tmp_path).get(DONE.name) == DONE
    manifest.close()


def test_cut_off_at_any_byte_it_keeps_what_is_whole(tmp_path: Path) -> None:
    written(tmp_path, DONE, FAILED)
    whole = (tmp_path / FILE).read_bytes()
    first = len(DONE.line())
    for length in range(len(whole)):
        (tmp_path / FILE).write_bytes(whole[:length])
        manifest = opened(tmp_path)
        # A line that lacks nothing but its line feed is whole.
        assert len(manifest) == (length >= first - 1) + (length >= len(whole) - 1)
        manifest.begin()
        manifest.add(FAILED)
        manifest.close()
        assert opened(tmp_path).get("b.png") == FAILED
        assert (tmp_path / FILE).read_bytes().endswith(FAILED.line())


@pytest.mark.parametrize(
    "damage",
    [
        b"\0" * 40,
        b"{}\n",
        b"[]\n",
        b'{"name":3,"status":"done"}\n',
        b'{"name":"x","status":"done","attempts":"many"}\n',
        b"\xff\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_damaged_lines_are_left_out(tmp_path: Path, damage: bytes) -> None:
    written(tmp_path, DONE)
    (tmp_path / FILE).write_bytes(damage + b"\n" + DONE.line() + damage)
    assert opened(tmp_path).get(DONE.name) == DONE
    assert len(opened(tmp_path)) == 1
    written(tmp_path, FAILED)
    assert (tmp_path / FILE).read_bytes() == DONE.line() + FAILED.line()


def test_a_manifest_that_cannot_be_read_or_written_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir(parents=True)
    with pytest.raises(StoppedError, match=r"manifest.*directory"):
        opened(tmp_path)
    (tmp_path / FILE).rmdir()
    manifest = opened(tmp_path)
    (tmp_path / FILE).mkdir()
    manifest._orderly = True
    with pytest.raises(StoppedError, match="cannot be written to"):
        manifest.begin()


def test_a_manifest_is_in_memory_once(tmp_path: Path) -> None:
    entries = [replace(FAILED, name=f"{i}.png", error={"code": "x", "detail": "y" * 10_000}) for i in range(500)]
    written(tmp_path, *entries)
    size = (tmp_path / FILE).stat().st_size
    tracemalloc.start()
    try:
        manifest = opened(tmp_path)
        manifest._keep(entries[0], entries[0].line())  # so that all is written anew
        manifest.begin()
        assert size < tracemalloc.get_traced_memory()[1] < 1.5 * size
    finally:
        tracemalloc.stop()
    manifest.close()
    assert len(opened(tmp_path)) == 500


def test_the_last_entry_of_a_file_counts(tmp_path: Path) -> None:
    written(tmp_path, FAILED, replace(FAILED, status="done"))
    assert opened(tmp_path).failed() == []
    written(tmp_path)
    assert (tmp_path / FILE).read_bytes() == replace(FAILED, status="done").line()


def test_another_number_of_shards_knows_what_was_done(tmp_path: Path) -> None:
    entries = [replace(DONE, name=f"{i}.png") for i in range(20)]
    shards = [Shard(i, 2) for i in range(2)]
    for shard in shards:
        written(tmp_path, *(entry for entry in entries if shard.has(entry.name)), shard=shard)
    assert all(opened(tmp_path).get(entry.name) == entry for entry in entries)
    third = opened(tmp_path, Shard(0, 3))
    assert [third.get(entry.name) is not None for entry in entries] == [
        Shard(0, 3).has(entry.name) for entry in entries
    ]
    assert len(opened(tmp_path, shards[0])) < len(entries)


class TestInAStore:
    @pytest.fixture
    def store(self, tmp_path: Path) -> StoreDestination:
        place = f"memory://manifests{tmp_path}"
        return StoreDestination(place, str(Shard()))

    def paths(self, store: StoreDestination) -> list[str]:
        found = fsspec.filesystem("memory").find(store.place.removeprefix("memory:/"))
        return [path.rpartition("_ocr/")[2] for path in found]

    def test_entries_come_in_parts_which_are_put_together(self, store: StoreDestination) -> None:
        manifest = Manifest(store, Shard())
        manifest.begin()
        manifest.add(DONE)
        assert len(Manifest(store, Shard())) == 0
        manifest.flush()
        manifest.add(replace(DONE, status="failed"))
        manifest.flush()
        assert sum(path.startswith("parts-") for path in self.paths(store)) == 2
        killed = Manifest(store, Shard())
        assert killed.failed() == [replace(DONE, status="failed")]
        killed.begin()
        killed.add(FAILED)
        killed.close()
        assert self.paths(store) == ["failed-00000-of-00001.jsonl", "manifest-00000-of-00001.jsonl"]
        assert Manifest(store, Shard()).failed() == [FAILED, replace(DONE, status="failed")]

    def test_another_number_of_shards_knows_what_a_killed_run_did(self, store: StoreDestination) -> None:
        killed = Manifest(store, Shard())
        killed.begin()
        killed.add(DONE)
        killed.flush()
        shards = [Shard(i, 2) for i in range(2)]
        assert sorted(len(Manifest(store, shard)) for shard in shards) == [0, 1]

    def test_two_runs_at_once_lose_nothing(self, store: StoreDestination) -> None:
        first, second = Manifest(store, Shard()), Manifest(store, Shard())
        first.begin()
        second.begin()
        first.add(DONE)
        second.add(FAILED)
        first.flush()
        second.flush()
        assert len(Manifest(store, Shard())) == 2
