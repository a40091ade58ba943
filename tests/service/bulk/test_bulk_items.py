"""What is read of what is named."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest

from service.bulk.errors import BulkError
from service.bulk.items import Item, Shard, list_items


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in/b.png", "in/a.JPG", "in/deep/c.pdf", "in/notes.txt", "in/deep/a.JPG"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "in"


def names(source: Path | str, target: Path | str = "elsewhere", shard: Shard | None = None) -> list[str]:
    return [item.name for item in list_items(str(source), shard or Shard(), target=str(target))]


def test_of_a_folder_images_and_pdfs_are_read_at_any_depth_in_order(folder: Path) -> None:
    assert names(folder) == ["a.JPG", "b.png", "deep/a.JPG", "deep/c.pdf"]


def test_a_glob_is_relative_to_its_fixed_part(folder: Path) -> None:
    assert names(f"{folder}/**/*.JPG") == ["a.JPG", "deep/a.JPG"]
    assert names(f"{folder}/de*/*") == ["deep/a.JPG", "deep/c.pdf"]


def test_a_document_is_itself(folder: Path) -> None:
    assert names(folder / "deep" / "c.pdf") == ["c.pdf"]


NO_LISTS = {
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC or AVIF picture.*convert it to JPEG"),
    "AVIF": (b"\0\0\0\x20ftypavif\0\0\0\0", "a HEIC or AVIF picture.*convert it to JPEG"),
    "film": (b"\0\0\0\x20ftypisom\0\0\2\0", "a film"),
    "docx": (b"PK\x03\x04\x14\0\6\0", r"a \.docx.*convert it to PDF"),
    "JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF", r"a JPEG without its suffix; name it \.jpg"),
    "UTF-16": ("b.png\n".encode("utf-16"), "text in UTF-16; save it as UTF-8"),
    "other": (b"SQLite format 3\0\x10\0\1\1\0\0", "a file that is no text"),
}


@pytest.mark.parametrize(("data", "message"), NO_LISTS.values(), ids=NO_LISTS)
def test_what_is_no_list_of_paths_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, message: str
) -> None:
    (folder / "named").write_bytes(data)
    with pytest.raises(BulkError, match=f"named is no list of paths but {message}"):
        names(folder / "named")
    fsspec.filesystem("memory").pipe("/lists/named", data)
    with pytest.raises(BulkError, match=f"^memory://lists/named is no list of paths but {message}"):
        names("memory://lists/named")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    with pytest.raises(BulkError, match=f"standard input is no list of paths but {message}"):
        names("-")


def test_pictures_and_documents_that_are_not_read_are_counted(folder: Path) -> None:
    for name in ("x.HEIC", "deep/y.heic", "z.odt"):
        (folder / name).write_bytes(b"x")
    fsspec.filesystem("memory").pipe({"/kinds/a.png": b"1", "/kinds/b.avif": b"2", "/kinds/out/c.avif": b"3"})
    for source, target, expected in (
        (str(folder), "elsewhere", {".heic": 2, ".odt": 1}),
        ("memory://kinds", "memory://kinds/out", {".avif": 1}),
    ):
        unread: Counter[str] = Counter()
        list_items(source, Shard(), target=target, unread=unread)
        assert unread == expected
    for name in ("a.JPG", "c.pdf"):
        (folder / "deep" / name).unlink()
    with pytest.raises(
        BulkError, match=r"no PDF or image in .*; 1 file left out, of kinds that are not read: 1 \.heic"
    ):
        names(folder / "deep")


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\0"])
def test_a_list_names_files_whatever_their_suffix(
    folder: Path, monkeypatch: pytest.MonkeyPatch, between: bytes
) -> None:
    monkeypatch.chdir(folder)
    listed = between.join([b"b.png", b"./deep/../notes.txt", b"deep/c.pdf", b"b.png", b""])
    (folder / "list").write_bytes(listed)
    assert names("list") == ["b.png", "deep/c.pdf", "notes.txt"]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(listed)))
    assert names("-") == ["b.png", "deep/c.pdf", "notes.txt"]


def test_a_list_may_begin_as_editors_on_windows_begin_it_and_have_addresses_of_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "list").write_bytes(b"\xef\xbb\xbfb.png\r\nfile://" + bytes(folder / "a.JPG") + b"\r\n")
    assert [(item.name, item.size) for item in list_items("list", Shard(), target="out")] == [
        ("b.png", 8),
        (str(folder / "a.JPG").lstrip("/"), 8),
    ]


def test_files_elsewhere_go_by_their_whole_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "deep")
    (folder / "list").write_text(f"{folder}/b.png\n../a.JPG\ns3://bucket/key.png\n")
    top = str(folder).lstrip("/")
    assert names(folder / "list") == ["bucket/key.png", f"{top}/a.JPG", f"{top}/b.png"]


def test_names_that_are_no_unicode_or_have_line_feeds_and_quotes_stay_what_they_are(tmp_path: Path) -> None:
    raw = [b"caf\xe9.png", b'a"b\n.png', "é\u2028.png".encode()]
    for name in raw:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    assert sorted(map(os.fsencode, names(tmp_path))) == sorted(raw)


def test_outputs_below_the_source_are_not_read(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "b.png.pdf").write_bytes(b"written")
    assert names(folder, folder / "out") == ["a.JPG", "b.png", "deep/a.JPG", "deep/c.pdf"]
    assert names(f"{folder}/**/*", folder / "out") == ["a.JPG", "b.png", "deep/a.JPG", "deep/c.pdf", "notes.txt"]


def test_outputs_may_go_above_the_source(folder: Path) -> None:
    assert names(folder, folder.parent)[:2] == ["a.JPG", "b.png"]


def test_outputs_do_not_go_into_the_source_itself(folder: Path) -> None:
    with pytest.raises(BulkError, match="into the folder that is read"):
        names(folder, folder / "deep" / "..")


def test_links_to_folders_are_not_followed_and_links_to_files_are(folder: Path) -> None:
    (folder / "deep" / "loop").symlink_to(folder)
    (folder / "self.png").symlink_to("self.png")
    (folder / "linked.png").symlink_to(folder / "b.png")
    assert names(folder) == ["a.JPG", "b.png", "deep/a.JPG", "deep/c.pdf", "linked.png", "self.png"]


def test_pipes_are_items_whose_content_is_not_known(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    (pipe,) = [item for item in list_items(str(folder), Shard(), target="out") if item.name == "pipe.png"]
    assert pipe.stamp is None


def test_a_folder_that_cannot_be_looked_into_is_among_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = os.scandir

    def closed(
        path: str,
    ) -> Iterator[os.DirEntry[str]]:  # root, who runs tests in containers, may look into every folder
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return looked(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert names(folder) == ["a.JPG", "b.png", "deep"]
    assert names(folder, target=folder / "deep") == ["a.JPG", "b.png"]  # outputs may go where nobody may look


def test_each_file_is_in_one_shard_whatever_else_there_is(folder: Path) -> None:
    parts = [names(folder, shard=Shard(i, 3)) for i in range(3)]
    assert sorted(chain(*parts)) == names(folder)
    (folder / "b.png").unlink()
    assert [names(folder, shard=Shard(i, 3)) for i in range(3)] == [[n for n in p if n != "b.png"] for p in parts]


@pytest.mark.parametrize("text", ["4/4", "1", "-1/2", "a/b", "1/0", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(BulkError, match="shard"):
        Shard.parse(text)


@pytest.mark.parametrize("source", ["missing", "missing/*.png", "empty", "nowhere://x"])
def test_nothing_to_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BulkError):
        names(source)


def test_a_pipe_is_a_list_as_standard_input_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    os.mkfifo("pipe")
    writing = threading.Thread(target=Path("pipe").write_text, args=("b.png\n",), daemon=True)
    writing.start()
    found = names("pipe")
    writing.join()
    assert found == ["b.png"]


def test_a_device_is_not_called_missing() -> None:
    with pytest.raises(BulkError, match="/dev/null: is no folder, file or pipe"):
        names("/dev/null")


def test_two_files_of_one_name_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "bucket").mkdir()
    (folder / "bucket" / "b.png").write_bytes(b"x")
    (folder / "list").write_text("bucket/b.png\ns3://bucket/b.png\n")
    with pytest.raises(BulkError, match=r"would both be written as 'bucket/b\.png'"):
        names("list")


def test_a_bucket_is_listed_with_what_tells_of_changes() -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe(
        {"/items/in/a.png": b"123", "/items/in/deep/b.pdf": b"1", "/items/in/x.txt": b"", "/items/in/out/c.png": b""}
    )
    first, second = list_items("memory://items/in", Shard(), target="memory://items/in/out")
    assert (first.name, first.place, first.size) == ("a.png", "memory:///items/in/a.png", 3)
    assert first.stamp is not None
    assert first.stamp.startswith("3-")
    assert second.name == "deep/b.pdf"
    assert names("memory://items/in/**/*.pdf") == ["deep/b.pdf"]
    assert names("memory://items/in/deep/b.pdf") == ["b.pdf"]
    fs.pipe_file("/items/list", b"memory://items/in/a.png\n")
    assert list_items("memory://items/list", Shard(), target="x") == [Item("items/in/a.png", "memory://items/in/a.png")]
    with pytest.raises(BulkError, match="no PDF or image"):
        names("memory://items/nothing")
