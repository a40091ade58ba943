from __future__ import annotations

from collections.abc import Iterator

import pytest

from ocr_core.pages import pdf as pdf_pages
from ocr_core.pages.pdfium.process import PdfiumProcess


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[PdfiumProcess]]:
    """Give the processes that drew PDFs; at the end none of them is left."""
    started: list[PdfiumProcess] = []

    class Noted(PdfiumProcess):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

    monkeypatch.setattr(pdf_pages, "PdfiumProcess", Noted)
    yield started
    assert started
    assert not any(process.alive for process in started)
