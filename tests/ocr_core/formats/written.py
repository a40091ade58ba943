"""A page to write down, and a writer driven to its end."""

from __future__ import annotations

import numpy as np

from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.registry import FORMATS
from ocr_core.layout import blocks
from ocr_core.pipeline.result import Line, Page, Quad, Word

SIZE = (600, 800)
ORIGINAL = Original(name='scan "1"; <a>&b.png', data=b"")
FAILED = FailedPage(number=2, reason='broken -- "so" to say; <b>&')


def quad(x: float, y: float, width: float, height: float, degrees: float = 0) -> Quad:
    """Return a box turned clockwise around its top left corner."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ np.array([[cos, sin], [-sin, cos]])
    return (corners + np.array([x, y])).astype(np.float32)


def line(text: str, where: Quad | None = None, *, confidence: float = 0.9, words: tuple[Word, ...] = ()) -> Line:
    return Line(text=text, confidence=confidence, quad=quad(50, 70, 200, 40) if where is None else where, words=words)


def page(*lines: Line, number: int = 1, rotation: int = 0) -> Page:
    return Page(width=SIZE[0], height=SIZE[1], rotation=rotation, lines=lines, number=number)


PAGE = page(
    line("Hello <wor-"),
    line("ld> & co", quad(50, 130, 300, 40, 5), confidence=0.8),
    line("up here", quad(500, 500, 200, 40, -90), confidence=1.0),
)


def write(name: str, *pages: Page | FailedPage, original: Original = ORIGINAL) -> bytes:
    """Return what a format makes of pages."""
    writer = FORMATS[name].new_writer()
    written = b"".join([writer.page(original, each) for each in pages])
    return written + b"".join(writer.end())


def text(name: str, *pages: Page | FailedPage) -> str:
    return write(name, *pages).decode()


def blocks_as(monkeypatch, *found: blocks.Block) -> None:
    """Let the layout find these blocks on every page, no line cut."""

    def find(quads, texts, *_):
        return blocks.Layout(found, tuple(blocks.Part(i, 0, 1) for i in range(len(texts))))

    monkeypatch.setattr("ocr_core.formats.structure.find_blocks", find)
