"""PDFs that attack, and processes that die: what comes out is a page or an error of one, and the next file is read."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hostile_pdf import (
    HOSTILE,
    broken_second_page,
    endless_content,
    form_bomb,
    huge_box,
    million_pages_claimed,
    object_stream_loop,
    xref_loop,
)
from pdfs import LINES, document, paragraph

from ocr_core.child.process import OutOfTimeError, ProcessDiedError
from ocr_core.errors import DocumentError, ImageError, PageError, PageTooCostlyError
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import open_document
from ocr_core.pages.pdf import PdfDocument
from ocr_core.pages.pdfium.process import PdfiumProcess

SOON = Limits(page_seconds=1.0)
GOOD = document([paragraph([*LINES, f"This is page {i}."]) for i in range(4)])


def opened(data=GOOD, **limits):
    return PdfDocument(data, limits=Limits(**limits))


def pid(document):
    return document._process._process.pid


def is_gone(number):
    return not Path(f"/proc/{number}").exists()


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_whatever_a_file_is_a_page_or_an_error_comes_out(make):
    try:
        with open_document(make(), limits=SOON) as document:
            for i in {0, len(document) - 1}:
                with suppress(PageError):
                    page = document.page(i)
                    pixels = page.render(None)
                    assert pixels.shape == (page.height, page.width, 3)
                    assert page.width * page.height <= SOON.pixels
    except DocumentError:
        pass


@pytest.mark.parametrize(
    "make", [million_pages_claimed, xref_loop, object_stream_loop, huge_box], ids=lambda f: f.__name__
)
def test_what_can_be_read_is_read(make):
    with open_document(make()) as document:
        assert len(document.page(0).lines) in (1, 3)


def test_the_process_gives_way_to_all_others():
    with opened() as document:
        own, its = (os.getpriority(os.PRIO_PROCESS, number) for number in (0, pid(document)))
        assert its == min(own + 10, 19)
        if sys.platform == "linux":
            assert Path(f"/proc/{pid(document)}/oom_score_adj").read_text().strip() == "1000"


def test_a_broken_page_leaves_the_others():
    with open_document(broken_second_page()) as document:
        with pytest.raises(PageError, match="page 2 is damaged"):
            document.page(1)
        assert [line.text for line in document.page(2).lines] == list(LINES)


@pytest.mark.parametrize("make", [endless_content, form_bomb], ids=lambda make: make.__name__)
def test_a_page_that_takes_too_long_is_given_up(make):
    with open_document(make(), limits=SOON) as document, pytest.raises(PageTooCostlyError, match=r"1 seconds|memory"):
        document.page(0).render(None)


def test_memory_is_bounded():
    # 7,000 × 7,000 pixels do not fit into what is left of 138 MB.
    with open_document(huge_box(), limits=Limits(memory=10 << 20)) as document:
        page = document.page(0)
        with pytest.raises(PageTooCostlyError, match="memory"):
            page.render(None)
        assert document.page(0).lines


def test_after_a_crash_the_page_is_tried_again():
    with opened() as document:
        page = document.page(0)
        os.kill(pid(document), signal.SIGSEGV)
        assert page.render(None).shape == (page.height, page.width, 3)
        assert document.page(3).lines[3].text == "This is page 3."


def test_a_page_that_crashes_a_fresh_process_fails(monkeypatch):
    def crash(self, request, data=b"", **more):
        if request.get("page") == 1:
            os.kill(self._process.pid, signal.SIGSEGV)
        return ask(self, request, data, **more)

    ask = PdfiumProcess.ask
    monkeypatch.setattr(PdfiumProcess, "ask", crash)
    with opened() as document:
        assert document.page(0).number == 1
        with pytest.raises(PageTooCostlyError, match="page 2 is damaged or takes too much memory"):
            document.page(1)
        assert document.page(2).number == 3


def test_processes_are_replaced(monkeypatch):
    monkeypatch.setattr("ocr_core.pages.pdf.PAGES_EACH", 2)
    with opened() as document:
        pids = []
        for i in range(4):
            assert document.page(i).number == i + 1
            pids.append(pid(document))
    assert len(set(pids)) == 2


def test_nobody_is_left():
    with opened() as document:
        document.page(0)
        child = pid(document)
        assert not is_gone(child)
    assert is_gone(child)
    with pytest.raises(PageError, match="closed"):
        document.page(0)
    for data in (b"%PDF-1.7\n", b"%PDF-"):
        with pytest.raises(DocumentError):
            opened(data)
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    assert children.read_text() == ""


def test_who_leaves_ends_the_work():
    class LeftError(Exception):
        pass

    calls = []

    def leave():
        calls.append(1)
        if len(calls) > 3:
            raise LeftError

    with open_document(endless_content()) as document:
        child = pid(document)
        with pytest.raises(LeftError):
            document.page(0, check=leave)
        assert is_gone(child)
    with pytest.raises(LeftError):
        open_document(GOOD, check=leave)


def test_closing_ends_a_wait():
    document = PdfDocument(endless_content(), limits=Limits())
    begun = threading.Event()
    errors = []

    def wait():
        try:
            document.page(0, check=begun.set)
        except ImageError as error:
            errors.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait()
    document.close()
    thread.join()
    assert errors == ["the document is closed"]


def test_threads_share_a_document():
    with opened() as document:
        texts = [""] * 8

        def read(i):
            page = document.page(i % 4)
            assert page.render(None).shape == (page.height, page.width, 3)
            texts[i] = page.lines[3].text

        threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert texts == [f"This is page {i % 4}." for i in range(8)]


def test_the_process_knows_no_secrets(monkeypatch):
    monkeypatch.setenv("OCR_API_KEYS", "secret")
    with opened() as document:
        assert b"secret" not in Path(f"/proc/{pid(document)}/environ").read_bytes()
        assert b"numpy" not in Path(f"/proc/{pid(document)}/maps").read_bytes()


def test_the_process_cannot_outlive_its_time():
    with opened(page_seconds=20.0) as document:
        document.page(0)
        limits = Path(f"/proc/{pid(document)}/limits").read_text()
        seconds = int(next(row for row in limits.splitlines() if row.startswith("Max cpu time")).split()[3])
        assert 25 <= seconds <= 60
        assert "Max file size             0" in limits


def test_an_answer_that_is_too_long_is_not_taken():
    process = PdfiumProcess()
    process.ask({"password": None, "memory": 1 << 30}, GOOD, limit=0, seconds=60)
    with pytest.raises(ProcessDiedError):
        process.ask({"page": 0, "width": 100, "height": 100}, limit=29_999, seconds=60)
    assert not process.alive
    with pytest.raises(ProcessDiedError):
        process.ask({"page": 0, "width": 100, "height": 100}, limit=30_000, seconds=60)


def test_a_process_that_hangs_is_killed():
    process = PdfiumProcess()
    with pytest.raises(OutOfTimeError):
        process.ask({"password": None, "memory": 1 << 30}, GOOD, limit=0, seconds=0)
    assert not process.alive
