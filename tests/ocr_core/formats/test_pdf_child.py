"""PDFs are taken over by a process that can be ended: of hostile ones an error of the file comes out."""

from __future__ import annotations

import io
import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pypdfium2
import pytest
from hostile_pdf import HOSTILE, deep_page_tree, unseen_objects
from pdfs import LINES, document, paragraph
from written import FAILED, line, page

from ocr_core.child.process import ChildProcess
from ocr_core.errors import ImageError
from ocr_core.formats.base import Original
from ocr_core.formats.qpdf import process as qpdf
from ocr_core.formats.searchable_pdf import SearchablePdfWriter
from ocr_core.pages.limits import Limits
from ocr_core.pages.pdfium.process import PdfiumProcess

READ = page(line("read"))
GOOD = document([paragraph(LINES), paragraph(LINES)])


@pytest.fixture
def started(monkeypatch):
    """Return the processes that were started."""
    found = []
    start = ChildProcess.__init__

    def note(self, *arguments):
        found.append(self)
        start(self, *arguments)

    monkeypatch.setattr(ChildProcess, "__init__", note)
    return found


def test_a_child_is_ended_by_whoever_began_it():
    """A terminal and systemd tell all processes at once to end; a page that is drawn just then is not damaged."""
    child = PdfiumProcess()
    child.ask({"password": None, "memory": 1 << 28}, GOOD, limit=0, seconds=60)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(child._process.pid, number)
        _, pixels = child.ask({"page": 0, "width": 8, "height": 8}, limit=192, seconds=60)
        assert len(pixels) == 192
    child.kill()


def original(data):
    return Original(name="a", data=data)


def written(data, *pages, check=None):
    writer = SearchablePdfWriter(check)
    of = original(data)
    for each in pages or (READ,):
        writer.page(of, each)
    return b"".join(writer.end())


def png():
    with io.BytesIO() as file:
        PIL.Image.new("RGB", (60, 80), "white").save(file, "PNG")
        return file.getvalue()


def texts(data):
    with pypdfium2.PdfDocument(data) as opened:
        return [each.get_textpage().get_text_range().split() for each in opened]


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_whatever_a_file_is_it_is_written_or_an_error_comes_out(make, started, monkeypatch):
    monkeypatch.setattr(qpdf, "SECONDS", 2.0)
    monkeypatch.setattr(qpdf, "PATIENCE", 1)
    with suppress(ImageError):
        assert written(make()).startswith(b"%PDF-")
    assert len(started) == 1
    assert not started[0].alive


def test_what_takes_too_long_to_be_written_is_ended(started, monkeypatch):
    writer = SearchablePdfWriter()
    writer.page(original(unseen_objects()), READ)
    monkeypatch.setattr(qpdf, "SECONDS", 0.0)
    with pytest.raises(ImageError, match="takes too long"):
        next(writer.end())
    assert not started[0].alive


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(qpdf, "Limits", lambda: replace(Limits(), memory=0))
    assert "read" in texts(written(GOOD))[0]
    with pytest.raises(ImageError, match="memory"):
        written(unseen_objects(1_000_000))


def test_what_is_written_is_bounded(monkeypatch):
    monkeypatch.setattr(qpdf, "SPARE", 0)
    monkeypatch.setattr(qpdf, "GROWTH", 1)
    with pytest.raises(ImageError, match="damaged"):
        written(GOOD)


def test_a_check_ends_the_process_wherever_it_waits(started):
    class GoneError(Exception):
        pass

    def check():
        if gone:
            raise GoneError

    gone = False
    writer = SearchablePdfWriter(check)
    writer.page(original(GOOD), READ)
    assert started[0].alive
    gone = True
    with pytest.raises(GoneError):
        next(writer.end())
    assert not started[0].alive


def test_a_process_that_dies_is_an_error_of_the_file(started):
    writer = SearchablePdfWriter()
    of = original(GOOD)
    writer.page(of, READ)
    os.kill(started[0]._process.pid, signal.SIGSEGV)
    with pytest.raises(ImageError, match="page 2 cannot be taken over: it is damaged"):
        writer.page(of, page(line("read"), number=2))


def test_a_writer_that_is_let_go_of_ends_its_process(started):
    writer = SearchablePdfWriter()
    writer.page(original(GOOD), READ)
    assert started[0].alive
    del writer
    assert not started[0].alive


def test_images_need_no_process_and_stand_among_pdfs(started):
    assert "read" in texts(written(png()))[0]
    assert not started
    writer = SearchablePdfWriter()
    for data, text in ((png(), "one"), (GOOD, "two"), (png(), "three"), (GOOD, "four")):
        writer.page(original(data), page(line(text)))
    assert [found[0] for found in texts(b"".join(writer.end()))] == ["one", "two", "three", "four"]
    assert len(started) == 1


def test_a_file_that_cannot_be_opened_leaves_those_around_it():
    writer = SearchablePdfWriter()
    writer.page(original(GOOD), page(line("before")))
    writer.page(original(deep_page_tree()), FAILED)
    writer.page(original(GOOD), page(line("behind")))
    before, failed, behind = texts(b"".join(writer.end()))
    assert (before[0], failed, behind[0]) == ("before", [], "behind")


def test_a_file_that_ends_the_process_leaves_those_behind_it(started, monkeypatch):
    writer = SearchablePdfWriter()
    with monkeypatch.context() as patched:
        patched.setattr(qpdf, "SECONDS", 0.0)
        writer.page(original(unseen_objects()), FAILED)
    writer.page(original(GOOD), READ)
    failed, good = texts(b"".join(writer.end()))
    assert (failed, good[0], len(started)) == ([], "read", 2)


def test_the_process_gets_little_and_gives_way(started, monkeypatch):
    monkeypatch.setenv("OCR_SECRET", "secret")
    writer = SearchablePdfWriter()
    writer.page(original(GOOD), FAILED)
    its = Path(f"/proc/{started[0]._process.pid}")
    assert b"secret" not in (its / "environ").read_bytes()
    assert b"numpy" not in (its / "maps").read_bytes()
    assert "Max file size             0" in (its / "limits").read_text()
    assert os.getpriority(os.PRIO_PROCESS, int(its.name)) > os.getpriority(os.PRIO_PROCESS, 0)
