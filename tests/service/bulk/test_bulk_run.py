"""Which files are read, and what is written of them."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Generator, Iterable
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from pathlib import Path

import pdfs
import pytest
from bulk_fakes import FAULTY, batch, here, order_for, tree
from service_fakes import encoded, picture, two_lines

from ocr_core.errors import PageError
from ocr_core.formats.base import FailedPage, Original
from ocr_core.pipeline.result import ReadOptions
from service.bulk import reading
from service.bulk.destination import LocalDestination
from service.bulk.errors import BulkError, StoppedError
from service.bulk.items import Item, Shard, list_items
from service.bulk.jsonl import JsonLinesWriter
from service.bulk.manifest import Entry
from service.bulk.reading import SUFFIXES, FileReader, Task, failed_entry
from service.bulk.run import Choices, run_batch
from service.http.schemas import Page as PageBody


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded())
    (folder / "a.jpg").write_bytes(encoded(".jpg"))
    (folder / "deep" / "a.png").write_bytes(encoded(width=50))
    (folder / "broken.png").write_bytes(encoded()[:60])
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out"


def entries(target: Path, shard: Shard = Shard()) -> dict[str, Entry]:  # noqa: B008
    lines = (target / "_ocr" / f"manifest-{shard}.jsonl").read_bytes().splitlines()
    found = [entry for line in lines if (entry := Entry.parse(line))]
    assert len({entry.name for entry in found}) == len(found) == len(lines)
    return {entry.name: entry for entry in found}


def test_each_file_has_its_outputs_and_its_entry(source: Path, target: Path) -> None:
    plan, tally, _ = batch(source, target, fields={"formats": ("jsonl", "text")})
    assert (plan.files, tally.read, tally.failed, tally.pages) == (4, 3, 1, 3)
    written = tree(target)
    assert sorted(written) == sorted(
        name + suffix for name in ("a.png", "a.jpg", "deep/a.png") for suffix in (".jsonl", ".txt")
    )
    assert json.loads(written["deep/a.png.jsonl"])["width"] == 50
    found = entries(target)
    assert {name: entry.status for name, entry in found.items()} == {
        **dict.fromkeys(("a.png", "a.jpg", "deep/a.png"), "done"),
        "broken.png": "failed",
    }
    assert found["broken.png"].error is not None
    assert found["broken.png"].error["code"] == "undecodable_image"
    assert found["a.png"].outputs == {name: len(written[name]) for name in ("a.png.jsonl", "a.png.txt")}
    assert not list((target / "_ocr").glob("unfinished*"))


def test_started_again_nothing_is_read(source: Path, target: Path) -> None:
    batch(source, target)
    plan, _, tried = batch(source, target)
    assert (plan.done, plan.failed, tried) == (3, 1, [])


def test_failed_files_are_tried_again_when_that_is_asked_for_and_no_others(source: Path, target: Path) -> None:
    batch(source, target)
    (source / "new.png").write_bytes(encoded())
    plan, tally, tried = batch(source, target, retry_failed=True)
    assert (tried, tally.failed, plan.done, plan.waiting) == (["broken.png"], 1, 3, 1)
    assert entries(target)["broken.png"].attempts == 2
    (source / "broken.png").write_bytes(encoded())
    _, tally, tried = batch(source, target, retry_failed=True)
    assert (tried, tally.failed, tally.read) == (["broken.png"], 0, 1)
    assert entries(target)["broken.png"].status == "done"
    assert batch(source, target)[2] == ["new.png"]


def test_a_file_that_was_changed_is_read_again_and_one_that_was_touched_is_not(source: Path, target: Path) -> None:
    batch(source, target)
    before = tree(target)
    os.utime(source / "a.png", ns=(1, 1))
    (source / "a.jpg").write_bytes(encoded(".jpg", width=60))
    _, tally, tried = batch(source, target)
    assert tried == ["a.jpg", "a.png"]
    assert (tally.read, tally.unchanged) == (1, 1)
    after = tree(target)
    assert {name for name in after if after[name] != before[name]} == {"a.jpg.jsonl"}
    assert batch(source, target)[2] == []


def test_outputs_of_a_content_that_is_no_more_go(source: Path, target: Path) -> None:
    batch(source, target, fields={"formats": ("jsonl", "text")})
    (source / "a.png").write_bytes(b"no picture any more")
    batch(source, target, fields={"formats": ("jsonl", "text")})
    assert not [name for name in tree(target) if name.startswith("a.png")]


def test_outputs_that_are_gone_cut_off_or_asked_for_now_are_written(source: Path, target: Path) -> None:
    batch(source, target)
    (target / "a.png.jsonl").unlink()
    (target / "a.jpg.jsonl").write_bytes(b"")
    assert batch(source, target)[2] == ["a.jpg", "a.png"]
    assert batch(source, target, fields={"formats": ("text",)})[2] == ["a.jpg", "a.png", "deep/a.png"]
    assert batch(source, target, fields={"formats": ("text", "jsonl")})[2] == []


@pytest.mark.parametrize("change", [{"digest": "1" * 64}, {"options": ReadOptions(min_confidence=0.9)}, {"pages": "1"}])
def test_what_was_read_in_another_way_stops_the_run_unless_it_is_said_what_becomes_of_it(
    source: Path, target: Path, change: dict[str, object]
) -> None:
    batch(source, target)
    before = (target / "_ocr" / "manifest-00000-of-00001.jsonl").read_bytes()
    with pytest.raises(BulkError, match="3 of 4 files were read by another model or with other choices"):
        batch(source, target, fields=change)
    assert (target / "_ocr" / "manifest-00000-of-00001.jsonl").read_bytes() == before
    assert batch(source, target, fields=change, outdated="keep")[2] == []
    _, tally, tried = batch(source, target, fields=change, outdated="read")
    assert (tried, tally.read) == (["a.jpg", "a.png", "deep/a.png"], 3)
    assert batch(source, target, fields=change)[2] == []


def test_all_is_read_again_without_resuming(source: Path, target: Path) -> None:
    batch(source, target)
    _, tally, tried = batch(source, target, resume=False)
    assert (len(tried), tally.read, tally.failed) == (4, 3, 1)


def test_too_many_errors_end_the_run(source: Path, target: Path) -> None:
    for i in range(5):
        (source / f"bad{i}.png").write_bytes(b"bad")
    _, tally, tried = batch(source, target, max_errors=2)
    assert (tally.outcome, tally.failed, len(tried)) == ("errors", 3, 5)
    assert len(batch(source, target, max_errors=3)[2]) == 4


def test_a_page_that_fails_makes_its_file_fail_and_the_others_are_written(source: Path, target: Path) -> None:
    (source / "paper.pdf").write_bytes(pdfs.document([b"", b"", b""]))
    order = order_for(target, formats=("jsonl", "pdf"), text_layer="ignore")
    reader = FileReader(order)
    engine = reader._engine

    def failing(pixels: object, options: ReadOptions, count: list[int] = []) -> object:  # noqa: B006
        count.append(1)
        if len(count) == 2:
            raise PageError("page 2 is damaged")
        return two_lines(pixels, options)  # type: ignore[arg-type]

    engine.read = failing  # type: ignore[method-assign]
    (item,) = [each for each in list_items(str(source), Shard(), target=str(target)) if each.name == "paper.pdf"]
    entry = reader.read(Task(item))
    assert (entry.status, entry.failed_pages, entry.pages) == ("failed", 1, 2)
    assert entry.error == {"code": "unreadable_page", "detail": "page 2 is damaged"}
    lines = [json.loads(line) for line in (target / "paper.pdf.jsonl").read_bytes().splitlines()]
    assert [line["page"] for line in lines] == [1, 2, 3]
    assert [line["page"] for line in lines if "error" in line] == [2]
    assert (target / "paper.pdf.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("form", sorted(SUFFIXES))
def test_every_format_is_written_whatever_a_file_is_called(tmp_path: Path, target: Path, form: str) -> None:
    (tmp_path / "in").mkdir()
    name = os.fsdecode(b'caf\xe9 "<&\n.png')
    (tmp_path / "in" / name).write_bytes(encoded())
    _, tally, _ = batch(tmp_path / "in", target, fields={"formats": (form,)})
    assert (tally.read, tally.failed) == (1, 0)
    assert (target / (name + SUFFIXES[form])).stat().st_size > 0
    assert batch(tmp_path / "in", target, fields={"formats": (form,)})[2] == []


def test_hostile_files_fail_and_the_others_are_read(source: Path, target: Path) -> None:
    os.mkfifo(source / "pipe.png")
    (source / "loop.png").symlink_to("loop.png")
    (source / "endless.png").symlink_to("/dev/zero")
    (source / "folder.png").mkdir()
    (source / ("x" * 251 + ".png")).write_bytes(encoded())
    (source / "empty.pdf").write_bytes(b"")
    (source / "faulty.png").write_bytes(encoded(width=FAULTY))
    with (source / "sparse.png").open("wb") as file:
        file.truncate(2 << 30)
    _, tally, _ = batch(source, target)
    assert tally.read == 3
    codes = {name: (entry.error or {}).get("code") for name, entry in entries(target).items() if entry.error}
    assert codes == {
        **dict.fromkeys(("pipe.png", "loop.png", "endless.png", "sparse.png"), "file_refused"),
        "x" * 251 + ".png": "name_refused",
        "broken.png": "undecodable_image",
        "empty.pdf": "undecodable_image",
        "faulty.png": "backend_error",
    }


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "x//a.png", "./a.png", "a\0.png", "_ocr/a.png"])
def test_no_name_leads_out_of_the_destination(tmp_path: Path, target: Path, name: str) -> None:
    (tmp_path / "a.png").write_bytes(encoded())
    entry = FileReader(order_for(target)).read(Task(Item(name, str(tmp_path / "a.png"))))
    assert (entry.status, (entry.error or {}).get("code")) == ("failed", "name_refused")
    assert not target.exists()


def test_two_runs_of_one_shard_keep_out_of_each_others_way(source: Path, target: Path) -> None:
    with LocalDestination(str(target), str(Shard())).held():
        with pytest.raises(BulkError, match="another run"):
            batch(source, target)
        assert batch(source, target, shard=Shard(0, 2))[1].outcome == "complete"


def test_shards_together_read_all_once(source: Path, target: Path) -> None:
    tried = [batch(source, target, shard=Shard(i, 3))[2] for i in range(3)]
    assert sorted(chain(*tried)) == ["a.jpg", "a.png", "broken.png", "deep/a.png"]
    assert [list(entries(target, Shard(i, 3))) for i in range(3)] == tried
    plan, _, again = batch(source, target)
    assert (plan.done, plan.failed, again) == (3, 1, [])


def test_a_destination_that_cannot_be_written_to_is_nobodys_failure(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch(source, target, shard=Shard(0, 1))
    before = entries(target)
    (source / "new.png").write_bytes(encoded())
    (source / "newer.png").write_bytes(encoded())

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(JsonLinesWriter, "page", full)
        with pytest.raises(StoppedError, match="No space left on device"):
            batch(source, target)
    assert entries(target) == before
    assert not list((target / "_ocr").glob("unfinished*"))
    assert batch(source, target)[2] == ["new.png", "newer.png"]


def test_a_run_that_is_interrupted_keeps_what_it_did(source: Path, target: Path) -> None:
    order = order_for(target)
    items = list_items(str(source), Shard(), target=str(target))
    _, tally = run_batch(items, order, Shard(), here(order), Choices(), interrupted=lambda: True)
    assert (tally.outcome, tally.files) == ("interrupted", 1)
    assert len(batch(source, target)[2]) == 3


def test_what_fails_once_a_run_was_told_to_end_is_read_again(source: Path, target: Path) -> None:
    """Terminals and systemd tell all processes of a run, those too that draw PDFs."""
    order = order_for(target)
    items = list_items(str(source), Shard(), target=str(target))
    told: list[None] = []

    def read_all(tasks: Iterable[Task], _: object) -> Generator[Entry | None, None, None]:
        told.append(None)
        yield failed_entry(next(iter(tasks)), order, "damaged_document", "its process was told to end")

    _, tally = run_batch(items, order, Shard(), read_all, Choices(), interrupted=lambda: bool(told))
    assert (tally.outcome, tally.failed) == ("interrupted", 0)
    assert len(batch(source, target)[2]) == 4


def test_pages_are_those_of_the_api() -> None:
    for words in (True, False):
        page = two_lines(picture(), ReadOptions(words=words))
        for each in (page, replace(page, dpi=150.0), replace(page, dpi=72.5, source="embedded", number=3)):
            line = JsonLinesWriter(words=words).page(Original(name="é.png", data=b""), each)
            assert json.loads(line) == json.loads(PageBody.of("é.png", each).model_dump_json(exclude_none=True))
    failed = json.loads(
        JsonLinesWriter(words=False).page(Original(name="x", data=b""), FailedPage(number=2, reason="r"))
    )
    assert failed == {"file": "x", "page": 2, "lines": [], "error": {"detail": "r"}}


def test_a_manifest_that_names_other_places_harms_nothing_there(source: Path, target: Path, tmp_path: Path) -> None:
    batch(source, target)
    precious = tmp_path / "precious"
    precious.write_bytes(b"here before")
    manifest = target / "_ocr" / "manifest-00000-of-00001.jsonl"
    lines = [Entry.parse(line) for line in manifest.read_bytes().splitlines()]
    forged = [replace(entry, sha256="1" * 64, stamp="0-0", outputs={"../precious": 1}) for entry in lines if entry]
    manifest.write_bytes(b"".join(entry.line() for entry in forged))
    assert batch(source, target)[1].read == 3
    assert precious.read_bytes() == b"here before"


def test_a_file_that_changes_while_it_is_read_is_what_was_read_and_is_looked_at_again(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = (source / "a.png").read_bytes(), encoded(width=77)
    fetched = reading.fetch

    def changing(item: Item) -> bytes:
        data = fetched(item)
        if item.name == "a.png":
            (source / "a.png").write_bytes(after)
        return data

    with monkeypatch.context() as patch:
        patch.setattr(reading, "fetch", changing)
        batch(source, target)
    assert entries(target)["a.png"].sha256 == sha256(before).hexdigest()
    assert batch(source, target)[2] == ["a.png"]
    assert entries(target)["a.png"].sha256 == sha256(after).hexdigest()
    assert json.loads((target / "a.png.jsonl").read_bytes())["width"] == 77


def test_a_file_of_which_nothing_can_be_read_is_given_up(source: Path, target: Path) -> None:
    """A TIFF of many pictures without a pixel."""
    pictures = b"".join(struct.pack("<HHHIII", 1, 256, 3, 1, 1, 26 + 18 * i) for i in range(5000))
    (source / "many.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + pictures)
    pages: list[None] = []
    reader = FileReader(order_for(target, formats=("jsonl", "pdf")))
    entry = reader.read(Task(Item("many.tif", str(source / "many.tif"))), lambda: pages.append(None))
    assert (entry.status, entry.pages, entry.outputs) == ("failed", 0, {})
    assert 90 < len(pages) < 110
