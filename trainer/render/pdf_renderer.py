"""Pages and lines from PDFs, put through the same cameras, scanners and inks as those drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trainer.render.atlas import GlyphAtlas
from trainer.render.clutter import litter
from trainer.render.cutting import Setting, cut
from trainer.render.domains import BY_NAME
from trainer.render.draws import Weighted, between, chance, sample_rng
from trainer.render.geometry import Camera, clip_quads
from trainer.render.ink import finish, paint
from trainer.render.lines import Line
from trainer.render.pages import Page, develop, paper
from trainer.render.pdf import PdfLibrary, PdfLine, PdfPage
from trainer.render.sheet import Sheet

Rng = np.random.Generator
Floats = NDArray[np.float32]

LINE_PIXELS = 48
LINES_A_PAGE = 32
"""So many lines in a row come from one page: reading a page's text takes as long as rendering a hundred lines."""
PAGE_MIX: Mapping[str, float] = {"document": 0.55, "book": 0.15, "screen": 0.1, "receipt_photo": 0.2}
LINE_MIX: Mapping[str, float] = {"document": 0.5, "book": 0.2, "form": 0.15, "receipt_photo": 0.1, "screen": 0.05}
_PAGE_SALT = 1 << 62


class PdfRenderer:
    """Pages for the detector and lines for the recognizer; each a function of (seed, index) and of the files."""

    def __init__(
        self,
        library: PdfLibrary,
        page_mix: Mapping[str, float] = PAGE_MIX,
        line_mix: Mapping[str, float] = LINE_MIX,
        max_length: int = 96,
    ) -> None:
        self._library = library
        self._page_domains = Weighted(page_mix)
        self._line_domains = Weighted(line_mix)
        self._max_length = max_length
        self._atlas = GlyphAtlas(capacity=1)

    def sample(self, seed: int, index: int, size: int = 640) -> Page:
        """The page of (seed, index), `size` × `size` pixels."""
        return self.render_page(sample_rng(seed, index), size)

    def sample_line(self, seed: int, index: int) -> Line:
        """The line of (seed, index)."""
        at, number, page = self._library.draw(sample_rng(seed, _PAGE_SALT + index // LINES_A_PAGE))
        return self.render_line(sample_rng(seed, index), at, number, page)

    def render_page(self, rng: Rng, size: int = 640) -> Page:
        """A page, or a part of one, scanned, photographed or shown on a screen."""
        domain = self._page_domains.draw(rng)
        world = BY_NAME[domain]
        at, number, page = self._library.draw(rng)
        photo = domain.endswith("photo")
        camera = Camera.draw(rng, size, photo=photo, layout="document")
        tall = float(np.median([line.box[3] - line.box[1] for line in page.lines]))
        text_height = float(np.exp(between(rng, *np.log((8, 26))))) * size / 640
        scale = text_height / max(tall, 2.0)
        height, width = camera.sheet
        left = _start(rng, page.width, width / scale)
        top = _start(rng, page.height, height / scale)
        seen = (left, top, min(left + width / scale, page.width), min(top + height / scale, page.height))
        print_ = self._library.raster(at, number, scale, seen)[:height, :width]
        sheet = Sheet(paper(rng, world, height, width), self._atlas)
        # Ink darkens the paper that it is on; a little of it shows through even where it is black.
        sheet.ground[: print_.shape[0], : print_.shape[1]] *= print_.astype(np.float32) * np.float32(0.94 / 255) + 0.06
        for line in page.lines:
            box = tuple((edge - start) * scale for edge, start in zip(line.box, (left, top, left, top), strict=True))
            sheet.record(line.text, (box[0], box[1], box[2], box[3]), ignore=not line.readable)
        kept, quads, cut_off = clip_quads(np.array(sheet.quads, np.float32), print_.shape[1], print_.shape[0])
        sheet.texts = [sheet.texts[i] for i in kept]
        sheet.ignored = [sheet.ignored[i] or bool(gone) for i, gone in zip(kept, cut_off, strict=True)]
        sheet.quads = list(quads)
        if domain != "screen":
            litter(rng, sheet.ground)
        return develop(rng, world, sheet, camera, "pdf_photo" if photo else "pdf", text_height)

    def render_line(self, rng: Rng, at: int, number: int, page: PdfPage) -> Line:
        """One of the page's readable lines, or of long ones a part that ends between words."""
        world = BY_NAME[self._line_domains.draw(rng)]
        readable = [line for line in page.lines if line.readable]
        first, last, line = _part(rng, readable[int(rng.random() * len(readable))], self._max_length)
        text, spans = line.text[first:last], line.spans[first:last]
        _, top, _, bottom = line.box
        scale = LINE_PIXELS / max(bottom - top, 2.0)
        air = 0.5 * (bottom - top)
        seen = (max(float(spans[0, 0]) - air, 0), max(top - air, 0), float(spans[-1, 1]) + air, bottom + air)
        print_ = self._library.raster(
            at, number, scale, (seen[0], seen[1], min(seen[2], page.width), min(seen[3], page.height))
        )
        x = (spans.T - np.float32(seen[0])) * np.float32(scale)
        height = float(np.exp(between(rng, *np.log(world.heights))))
        setting = Setting(
            canvas=_coverage(print_),
            box=(float(x[0, 0]), (top - seen[1]) * scale, float(x[1, -1]), (bottom - seen[1]) * scale),
            x=np.asarray(x, np.float32),
            middle=((top + bottom) / 2 - seen[1]) * scale,
            em=float(LINE_PIXELS),
            height=min(height, 36.0) if len(text) > 48 else height,
        )
        mask, where = cut(rng, world, setting)
        bilevel = chance(rng, world.bilevel)
        image = finish(rng, world, paint(rng, world, mask, bilevel=bilevel), bilevel=bilevel)
        return Line(image, text, where, f"pdf_{world.name}")


def _start(rng: Rng, whole: float, part: float) -> float:
    """Where a part of a page begins: anywhere, at its start if it holds all of it."""
    return between(rng, 0, whole - part) if part < whole else 0.0


def _part(rng: Rng, line: PdfLine, longest: int) -> tuple[int, int, PdfLine]:
    """First and last character of what is taken of a line: all of it, a few words, or as much as is allowed."""
    limit = min(longest, int(between(rng, 6, 40))) if chance(rng, 0.35) else longest
    length = len(line.text)
    if length <= limit:
        return 0, length, line
    starts = [0, *(i + 1 for i, c in enumerate(line.text) if c == " " and i + 1 < length - limit // 2)]
    first = starts[int(rng.random() * len(starts))]
    last = min(first + limit, length)
    if last < length and line.text[last] != " ":
        last = max(line.text.rfind(" ", first, last), first)
    if last <= first:
        last = min(first + limit, length)
    return first, last, line


def _coverage(print_: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink coverage 0..255 of a raster [H, W, 3] of dark print on light paper, or the other way round."""
    grey = print_.astype(np.float32).mean(axis=2)
    low, high = float(grey.min()), float(grey.max())
    cover = (high - grey) / max(high - low, 32.0)
    if float(np.median(grey)) < (low + high) / 2 and high - low >= 32:
        cover = 1 - cover
    return np.asarray(cover * 255, np.uint8)
