"""The whole way on S3, by moto's server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from bulk_fakes import batch
from s3_server import s3_served
from service_fakes import encoded

from service.bulk.destination import OWN, StoreDestination
from service.bulk.errors import StoppedError
from service.bulk.items import Shard


@pytest.fixture(scope="module", name="fs")
def served() -> Iterator[fsspec.AbstractFileSystem]:
    with s3_served() as fs:
        yield fs


@pytest.fixture
def s3(fs: fsspec.AbstractFileSystem) -> Iterator[fsspec.AbstractFileSystem]:
    fs.mkdir("scans")
    fs.pipe({f"scans/in/{i}.png": encoded() for i in range(6)})
    fs.pipe({"scans/in/deep//odd name.png": encoded(), "scans/in/bad.png": b"bad", "scans/in/notes.txt": b""})
    yield fs
    fs.rm("scans", recursive=True)


def test_a_bucket_is_read_into_another_place_and_gone_on_with(s3: fsspec.AbstractFileSystem) -> None:
    plan, tally, _ = batch("s3://scans/in", "s3://scans/out")
    assert (plan.files, tally.read, tally.failed) == (8, 7, 1)
    outputs = {path.removeprefix("scans/out/") for path in s3.find("scans/out") if OWN not in path}
    assert outputs == {*(f"{i}.png.jsonl" for i in range(6)), "deep//odd name.png.jsonl"}
    assert {path.rpartition("/")[2] for path in s3.find(f"scans/out/{OWN}")} == {
        "manifest-00000-of-00001.jsonl",
        "failed-00000-of-00001.jsonl",
    }
    assert batch("s3://scans/in", "s3://scans/out")[2] == []
    s3.pipe_file("scans/in/3.png", encoded(width=70))
    s3.pipe_file("scans/in/4.png", encoded())
    _, tally, tried = batch("s3://scans/in", "s3://scans/out")
    assert (tried[0], tally.read) == ("3.png", 1)
    assert batch("s3://scans/in", "s3://scans/out", retry_failed=True)[2] == ["bad.png"]


def test_outputs_below_the_source_are_not_read(s3: fsspec.AbstractFileSystem) -> None:
    batch("s3://scans/in", "s3://scans/in/out", fields={"formats": ("pdf",)})
    plan, _, tried = batch("s3://scans/in", "s3://scans/in/out", fields={"formats": ("pdf",)})
    assert (plan.files, tried) == (8, [])


def test_a_folder_takes_no_name_that_is_none_in_folders(s3: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    _, tally, _ = batch("s3://scans/in", tmp_path / "out")
    assert (tally.read, tally.failed) == (6, 2)


def test_a_bucket_that_is_not_there_stops_the_run(s3: fsspec.AbstractFileSystem) -> None:
    with pytest.raises(StoppedError, match="cannot be reached"):
        batch("s3://scans/in", "s3://nowhere/out")


def test_where_puts_are_not_whole_files_are_renamed(tmp_path: Path) -> None:
    """On a file system that is no object store."""
    place = StoreDestination(f"memory://renamed{tmp_path}", str(Shard()))
    place._whole = False

    def break_off() -> None:
        with place.writing("a/b.txt") as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert place.read("a/b.txt") is None
    for content in (b"first", b"second"):
        place.write("a/b.txt", content)
        assert place.read("a/b.txt") == content
    assert place.names(f"{OWN}/unfinished-{Shard()}") == []


def test_large_outputs_go_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.bulk.destination.IN_MEMORY", 10)
    place = StoreDestination(f"memory://large{tmp_path}", str(Shard()))
    place.write("x", b"0123456789" * 5)
    assert place.read("x") == b"0123456789" * 5
