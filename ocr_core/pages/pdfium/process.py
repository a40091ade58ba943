"""The process that runs PDFium."""

from __future__ import annotations

from ocr_core.child.process import ChildProcess


class PdfiumProcess(ChildProcess):
    """A process with one document open."""

    def __init__(self) -> None:
        super().__init__("ocr_core.pages.pdfium.child", "pypdfium2_raw")
