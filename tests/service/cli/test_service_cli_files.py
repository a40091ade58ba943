"""`ocr read`: names and folders that hold something else than files, and files that cannot be written whole."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import ocr, runner
from service_fakes import encoded

from service.cli import app
from service.cli.common import image_files
from service.settings import Settings


def test_a_name_that_is_no_unicode_is_told_in_json(loaded: list[Settings], images: Path) -> None:
    (images / os.fsdecode(b"caf\xe9.png")).write_bytes(encoded())
    (images / os.fsdecode(b"bad\xe9.png")).write_text("no image")
    code, out, _ = ocr("read", images, "--json")
    assert code == 1
    rows = {Path(row["file"]).name: "error" in row for row in map(json.loads, out.splitlines())}
    assert rows == {"a.png": False, "bad\ufffd.png": True, "caf\ufffd.png": False, "b.JPG": False}


def test_names_move_no_terminal(loaded: list[Settings], images: Path) -> None:
    name = "a\n\x1b[31m\x9b\u202e\u00e9 \\.png"
    (images / "a.png").rename(images / name)
    (images / f"bad{name}").write_text("no image")
    _, out, err = ocr("read", images)
    told = "a\\n\\x1b[31m\\x9b\\u202e\u00e9 \\.png"
    assert out.splitlines()[0] == f"==> {images / told} <=="
    assert err.startswith(f"{images}/bad{told}: neither a PDF")


def test_a_folder_without_images_is_told_by_its_name(loaded: list[Settings], tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J").mkdir()
    assert ocr("read", tmp_path / "a\x1b[2J")[2] == f"error: no PDF or image in {tmp_path}/a\\x1b[2J\n"


def test_pictures_and_documents_that_are_not_read_are_told(loaded: list[Settings], images: Path) -> None:
    for name in ("IMG_1.HEIC", "deep/img_2.heic", "letter.docx", "README"):
        (images / name).write_bytes(b"x")
    code, out, err = ocr("read", images, "--json")
    assert (code, len(out.splitlines())) == (0, 2)
    assert err == "3 files left out, of kinds that are not read: 2 .heic, 1 .docx\n"
    for name in ("a.png", "deep/b.JPG"):
        (images / name).unlink()
    code, _, err = ocr("read", images / "deep")
    assert (code, loaded[1:]) == (2, [])
    assert err == f"error: no PDF or image in {images}/deep; 1 file left out, of kinds that are not read: 1 .heic\n"


@contextmanager
def closed(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """Close folders of this name: root, who runs tests in containers, may look into every one."""
    looked = os.scandir

    def scandir(path: str) -> object:
        if os.fspath(path).endswith(name):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return looked(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        yield


@pytest.mark.parametrize("source", [".", "deep"])
def test_a_folder_that_cannot_be_looked_into_is_told_and_the_rest_is_read(
    loaded: list[Settings], images: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    with closed(monkeypatch, "deep"):
        code, out, err = ocr("read", images / source, images / "a.png", "--json")
    assert code == 1
    rows = [json.loads(row) for row in out.splitlines()]
    good = [row["file"] for row in rows if "error" not in row]
    assert good == [str(images / "a.png")] * (2 if source == "." else 1)
    assert [row["file"] for row in rows if "error" in row] == [str(images / "deep")]
    assert err.startswith(f"{images / 'deep'}: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_closed_folder_says_why(loaded: list[Settings], images: Path) -> None:
    (images / "deep").chmod(0)
    try:
        code, out, err = ocr("read", images)
    finally:
        (images / "deep").chmod(0o700)
    assert (code, err) == (1, f"{images / 'deep'}: Permission denied\n")
    assert "Total 12.95" in out


def test_what_is_no_file_is_left_out_of_folders(images: Path) -> None:
    (images / "folder.png").mkdir()
    os.mkfifo(images / "pipe.png")
    (images / "link.png").symlink_to(images / "a.png")
    (images / "lost.png").symlink_to(images / "nowhere")
    found = image_files([images, images / "pipe.png"])
    names = ["a.png", "deep/b.JPG", "link.png", "lost.png", "pipe.png"]  # a pipe that is named is read
    assert found == [images / name for name in names]


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond a size: for root too, and with the same errors at the same calls as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("files", [1, 100], ids=["at the end", "on the way"])
@pytest.mark.parametrize("before", [None, "what was there"], ids=["new", "old"])
def test_half_a_file_is_not_left(loaded: list[Settings], images: Path, before: str | None, files: int) -> None:
    target = images / "out.hocr"
    if before is not None:
        target.write_text(before)
    there = sorted(images.iterdir())
    with full_disk(100):
        code, _, err = ocr("read", *[images / "a.png"] * files, "--format", "hocr", "-o", target)
    assert (code, err) == (1, "error: [Errno 27] File too large\n")
    assert sorted(images.iterdir()) == there
    if before is not None:
        assert target.read_text() == before


def test_a_file_that_is_written_anew_keeps_its_mode_and_its_owner(loaded: list[Settings], images: Path) -> None:
    target = images / "out.txt"
    target.write_text("before")
    target.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(target, 1234, 1234)
    before = target.stat()
    assert ocr("read", images / "a.png", "-o", target) == (0, "", "")
    after = target.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert target.read_text().startswith("Total")


def test_a_new_file_has_the_mode_that_the_umask_leaves(loaded: list[Settings], images: Path) -> None:
    (images / "other").touch()
    assert ocr("read", images / "a.png", "-o", images / "out.txt") == (0, "", "")
    assert (images / "out.txt").stat().st_mode == (images / "other").stat().st_mode


def test_a_file_that_is_a_mount_is_written(
    loaded: list[Settings], images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(Path, "replace", busy)
    (images / "out.txt").write_text("before, and longer than what is written now" * 100)
    there = sorted(images.iterdir())
    assert ocr("read", images / "a.png", "-o", images / "out.txt") == (0, "", "")
    assert (images / "out.txt").read_text().split() == ["Total", "12.95", "smudge"]
    assert sorted(images.iterdir()) == there


def test_a_device_is_written_as_it_is(loaded: list[Settings], images: Path) -> None:
    assert ocr("read", images / "a.png", "-o", "/dev/null") == (0, "", "")
    assert Path("/dev/null").is_char_device()


def test_only_the_bare_dash_is_standard_input(
    loaded: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("./-").write_bytes(encoded())
    result = runner.invoke(app, ["read", "./-"], input=b"no image")
    assert (result.exit_code, result.stdout.split()) == (0, ["Total", "12.95", "smudge"])
    result = runner.invoke(app, ["read", "-", "-o", "./-"], input=encoded())
    assert (result.exit_code, result.stdout) == (0, "")
    assert Path("./-").read_text().split() == ["Total", "12.95", "smudge"]
