"""What `ocr read` writes, and where to: each page as soon as it is there, as far as the format allows."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer

from service.cli.common import ALIASES, STANDARD, shown

if TYPE_CHECKING:
    from ocr_core.formats.base import Original, Writer
    from ocr_core.pipeline.result import Page


class OutputFormat(str, Enum):
    """Those of `ocr_core.formats.registry`, named here so that `--help` need not import them, and JSON."""

    text = "text"
    json = "json"
    markdown = "markdown"
    tsv = "tsv"
    hocr = "hocr"
    alto = "alto"
    pdf = "pdf"


def named_format(text: str) -> OutputFormat:
    """Return the format of a name, or of the suffix that it is better known by."""
    try:
        return OutputFormat(ALIASES.get(text, text))
    except ValueError:
        names = ", ".join(each.value for each in OutputFormat)
        raise typer.BadParameter(f"{text!r} is none of {names}") from None


def format_of(target: Path) -> OutputFormat:
    """Return the format that a file is named after; text, where its name has no suffix.

    Raises:
        typer.BadParameter: it is named after something that is none, such as `.docx`.
    """
    from ocr_core.formats.registry import FORMATS

    named = {each.suffix: each.name for each in FORMATS.values()} | {".json": "json", ".jsonl": "json"}
    suffix = target.suffix.lower()
    if suffix[1:].isalpha() and suffix not in named:  # what has digits is rather part of a name, as in `page.2`
        raise typer.BadParameter(
            f"{suffix} is no format that is written: name the file {', '.join(named)}, or the format by --format",
            param_hint="--output",
        )
    return OutputFormat(named.get(suffix, "text"))


class Output:
    """Takes pages in order and writes them to a file, or to standard output."""

    def __init__(self, chosen: OutputFormat, target: Path, *, headed: bool) -> None:
        self._format = chosen
        self._target = target
        self._headed = headed and chosen is OutputFormat.text
        self._file: BinaryIO | None = None
        self._aside: Path | None = None
        self._writer = _new_writer(chosen)

    @property
    def on_terminal(self) -> bool:
        """Whether pages are written to a terminal."""
        return self._target == STANDARD and sys.stdout.isatty()

    def write(self, original: Original, page: Page | Exception, number: int = 1) -> None:
        """Write a page, or that it could not be read."""
        from ocr_core.formats.base import FailedPage

        if self._writer is None:
            self._put(_json_line(original.name, page, number))
            return
        if self._headed:  # each page on its own, under the name of its file
            if isinstance(page, Exception):
                return
            self._put(f"==> {shown(original.name)} <==\n".encode(errors="surrogateescape"))
            self._writer = _new_writer(self._format)
            assert self._writer is not None
        failed = FailedPage(number=number, reason=str(page)) if isinstance(page, Exception) else page
        self._put(self._writer.page(original, failed))

    def finish(self) -> None:
        """Write what comes after the last page, and put the file in its place."""
        for piece in self._writer.end() if self._writer else ():
            self._put(piece)
        if self._file is None:  # a file without a page is an empty one
            self._file = self._open()
        if self._aside is not None:
            self._file.close()
            _put_in_place(self._aside, self._target)

    def close(self) -> None:
        """Close the file. One that is not whole goes, and what it was to replace stays."""
        try:
            if self._file is not None and self._target != STANDARD:
                self._file.close()  # which fails again on a disk that is full
        finally:
            if self._aside is not None:
                self._aside.unlink(missing_ok=True)

    def _put(self, data: bytes) -> None:
        # Opened only now: until the first bytes are there, the file may be the one that is read.
        if not data:
            return
        if self._file is None:
            self._file = self._open()
        self._file.write(data)
        if self._aside is None:  # somebody may be waiting for it
            self._file.flush()

    def _open(self) -> BinaryIO:
        if self._target == STANDARD:
            return sys.stdout.buffer
        if (descriptor := _descriptor_of(self._target)) is not None:
            return os.fdopen(os.dup(descriptor), "wb")
        if self._target.is_file() or not self._target.exists():
            # What is replaced may be the scan itself, or worth more than half a file: it stays until all is written.
            place = Path(os.path.realpath(self._target))
            aside = place.with_name(f".ocr-{uuid.uuid4().hex[:8]}.part")
            try:
                file = aside.open("xb")
            except OSError as error:
                # Of a folder in which nothing may be made, or nothing at all: the file itself may still be written.
                if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
                    raise
            else:
                self._aside = aside
                _liken(aside, place)
                return file
        return self._target.open("wb")  # a pipe or a device, too, which takes what there is as it comes


def _descriptor_of(target: Path) -> int | None:
    """Return which of the files that are open here a path such as /dev/stdout names.

    It is written where it is: put aside and replaced, what a shell has it open for, `>>` or the next command, was lost.
    """
    place = target.absolute()
    for _ in range(8):  # links to links
        folder = os.path.realpath(place.parent)
        if folder in {"/dev/fd", f"/proc/{os.getpid()}/fd"} and place.name.isdecimal():
            return int(place.name)
        if not place.is_symlink():
            break
        place = Path(folder) / place.readlink()
    return None


def _liken(aside: Path, place: Path) -> None:
    """Give a file the owner and the mode of the one that it will replace, if there is one."""
    if place.exists():
        with suppress(OSError):  # disks of Windows have modes of their own
            shutil.copymode(place, aside)  # first: once the file is another's, its mode is too
        with suppress(OSError):  # who is not root gives nothing away
            os.chown(aside, place.stat().st_uid, place.stat().st_gid)


def _put_in_place(aside: Path, target: Path) -> None:
    place = Path(os.path.realpath(target))  # of links, what they lead to
    try:
        aside.replace(place)
    except OSError as error:
        # Mounted by itself into a container, or another's in a folder like /tmp: it may still be written.
        if error.errno not in {errno.EBUSY, errno.EPERM, errno.EACCES}:
            raise
        shutil.copyfile(aside, place)


@contextmanager
def opened_output(chosen: OutputFormat, target: Path, *, headed: bool) -> Iterator[Output]:
    """Open an output and finish it, unless what is done meanwhile fails."""
    output = Output(chosen, target, headed=headed)
    with nullcontext() if target == STANDARD else _ended_in_order():
        try:
            yield output
            output.finish()
        finally:
            output.close()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the work as Ctrl-C does, so that no half file is left aside. A second one kills."""
    before = {}

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        # What is ignored, as by nohup, stays so.
        before = {each: signal.signal(each, end) for each in numbers if signal.getsignal(each) is signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def require_writable(target: Path) -> None:
    """Find out ahead of the work whether an output can be written.

    Raises:
        OSError: it cannot.
    """
    if target == STANDARD:
        return
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if (descriptor := _descriptor_of(target)) is not None:
        try:
            os.fstat(descriptor)
        except (OSError, OverflowError):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), str(target)) from None
        return
    # Of a link that leads to no file yet, where that will be.
    folder = Path(os.path.realpath(target)).parent if target.is_symlink() else target.parent
    if not target.exists() and not folder.is_dir():
        raise FileNotFoundError(f"--output: there is no folder {shown(str(folder))}")
    _require_access(target if target.exists() else folder)


def require_drawable(target: Path, *, several: bool) -> None:
    """Find out ahead of the work whether pages can be drawn into a file, or into a folder, which is made if need be.

    Args:
        target: where.
        several: pages, which need a folder.

    Raises:
        OSError: they cannot.
    """
    place = target
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() and (several or place != target):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    _require_access(place)


def _require_access(place: Path) -> None:
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def needs_words(chosen: OutputFormat) -> bool:
    """Say whether words and their boxes are shown."""
    from ocr_core.formats.registry import FORMATS

    return chosen is not OutputFormat.json and FORMATS[chosen.value].words


def _new_writer(chosen: OutputFormat) -> Writer | None:
    """Return the writer of a format; JSON has none, its pages are lines of their own."""
    from ocr_core.formats.registry import FORMATS

    return None if chosen is OutputFormat.json else FORMATS[chosen.value].new_writer()


def _json_line(name: str, page: Page | Exception, number: int) -> bytes:
    from service.http.problems import problem_of
    from service.http.schemas import Page as PageBody

    # A name that is no Unicode cannot be told in JSON; `ocr batch` tells it so too.
    name = name.encode(errors="surrogateescape").decode(errors="replace")
    if isinstance(page, Exception):
        body = PageBody(file=name, page=number, error=problem_of(page))
    else:
        body = PageBody.of(name, page)
    return body.model_dump_json(exclude_none=True).encode() + b"\n"
