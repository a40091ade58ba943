"""`ocr read -o`: what can be written, though nothing can be put in its place, and what is written where it is."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from pathlib import Path

import pytest
from commands import ocr

from ocr_core.pipeline.result import Page
from service.cli.output import Output
from service.settings import Settings

READ = ["Total", "12.95", "smudge"]


def refusing(number: int) -> object:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_disk_without_modes_loses_nothing(
    loaded: list[Settings], images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FAT that another user has mounted, or a root that may not change the mode of what it gave away."""
    (images / "out.txt").write_text("before")
    there = sorted(images.iterdir())
    monkeypatch.setattr(shutil, "copymode", refusing(errno.EPERM))
    assert ocr("read", images / "a.png", "-o", images / "out.txt") == (0, "", "")
    assert (images / "out.txt").read_text().split() == READ
    assert sorted(images.iterdir()) == there


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_is_written_where_none_can_be_made(
    loaded: list[Settings], images: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As where a file alone is mounted into a container whose root is read-only."""
    opened = Path.open

    def closed(path: Path, mode: str = "r", *others: object, **more: object) -> object:
        if mode == "xb":
            raise OSError(number, os.strerror(number))
        return opened(path, mode, *others, **more)  # type: ignore[call-overload]

    (images / "out.txt").write_text("before, and longer than what is written now" * 100)
    monkeypatch.setattr(Path, "open", closed)
    assert ocr("read", images / "a.png", "-o", images / "out.txt") == (0, "", "")
    assert (images / "out.txt").read_text().split() == READ


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no names of open files here")
@pytest.mark.parametrize("number", ["987", "9" * 20])
def test_what_is_not_open_is_told_before_the_work(loaded: list[Settings], images: Path, number: str) -> None:
    code, out, err = ocr("read", str(images / "a.png"), "-o", f"/dev/fd/{number}")
    assert (code, out, loaded) == (1, "", [])
    assert "Bad file descriptor" in err
    assert number in err


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no names of open files here")
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_what_is_open_is_written_where_it_is(loaded: list[Settings], images: Path, tmp_path: Path, name: str) -> None:
    """As by `{ echo first; ocr read a.png -o /dev/stdout; echo last; } >file`."""
    with (tmp_path / "file").open("wb", buffering=0) as file:
        file.write(b"first\n")
        target = Path(name.format(file.fileno()))
        if name == "link":
            target = tmp_path / name
            target.symlink_to(f"/dev/fd/{file.fileno()}")
        assert ocr("read", images / "a.png", "-o", target) == (0, "", "")
        file.write(b"last\n")
    assert (tmp_path / "file").read_text().split() == ["first", *READ, "last"]


def test_a_pipe_takes_each_page_as_soon_as_it_is_read(
    loaded: list[Settings], images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    written, seen = Output.write, []

    def write(output: Output, *arguments: object) -> None:
        written(output, *arguments)  # type: ignore[arg-type]
        seen.append(os.read(pipe, 10_000))

    monkeypatch.setattr(Output, "write", write)
    assert ocr("read", images / "a.png", images / "a.png", "-o", tmp_path / "pipe") == (0, "", "")
    os.close(pipe)
    assert [piece.split()[-3:] for piece in seen] == [[word.encode() for word in READ]] * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_leaves_no_half_file(
    loaded: list[Settings], images: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    written = Output.write

    def write(output: Output, original: object, page: Page, of: int = 1) -> None:
        written(output, original, page, of)  # type: ignore[arg-type]
        assert len(list(images.glob(".ocr-*.part"))) == 1
        os.kill(os.getpid(), number)

    (images / "out.txt").write_text("before")
    there = sorted(images.iterdir())
    monkeypatch.setattr(Output, "write", write)
    before = signal.signal(number, signal.SIG_DFL)  # a service that ran in this process leaves its own
    try:
        assert ocr("read", images / "a.png", "-o", images / "out.txt")[0] == 128 + number
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert (sorted(images.iterdir()), (images / "out.txt").read_text()) == (there, "before")


def test_a_link_that_leads_nowhere_is_told_before_anything_is_read(loaded: list[Settings], images: Path) -> None:
    (images / "link").symlink_to(images / "nowhere" / "out.txt")
    code, _, err = ocr("read", images / "a.png", "-o", images / "link")
    assert (code, err) == (1, f"error: --output: there is no folder {images / 'nowhere'}\n")
    assert loaded == []
