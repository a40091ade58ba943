"""Text drawn by `trainer.render` as a source of training data."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from trainer.config import LabelledSource, PdfLinesSource, PdfPagesSource, RenderedLinesSource, RenderedPagesSource
from trainer.data.lines import Line, fit_height
from trainer.data.readers import read_source
from trainer.data.surfaces import text_free
from trainer.errors import ConfigError
from trainer.render import lines as drawn
from trainer.render.backgrounds import Surfaces
from trainer.render.corpus import Corpus
from trainer.render.domains import DEFAULT_MIX
from trainer.render.fonts import FontLibrary, excluded_fonts, matplotlib_fonts
from trainer.render.lines import LineRenderer
from trainer.render.pages import Page, PageRenderer
from trainer.render.pdf import PdfLibrary
from trainer.render.pdf_renderer import PdfRenderer
from trainer.render.texts import read_texts

LineSampler = Callable[[int], drawn.Line]
PageSampler = Callable[[int], Page]


class DrawnLines:
    """Lines of a sampler, scaled to the network's height."""

    def __init__(self, sample: LineSampler, count: int, height: int, grey: bool) -> None:
        self.sample = sample
        self.size = count or None
        self.height = height
        self.grey = grey

    def line(self, index: int, position: int) -> Line:  # noqa: ARG002 - drawn anew only for another index
        """Return line `index`."""
        found = self.sample(index)
        pixels = fit_height(found.image, self.height, self.grey)
        scale = pixels.shape[1] / found.image.shape[1]
        return Line(pixels, found.text, np.asarray(found.char_spans.mean(axis=1) * scale, np.float32))


def line_sampler(source: RenderedLinesSource | PdfLinesSource, characters: str, root: Path, seed: int) -> LineSampler:
    """Return what draws line number n of a source, in `characters` alone; the source's own seed comes before `seed`.

    Raises:
        ConfigError: no font, text or PDF where the source says.
    """
    seed = seed if source.seed is None else source.seed
    if isinstance(source, PdfLinesSource):
        pdfs = PdfRenderer(_pdfs(source, characters, root), max_length=source.max_length)
        return lambda index: pdfs.sample_line(seed, index)
    fonts, corpus, mix = font_library(source, root), _texts(source, characters, root), source.mix or DEFAULT_MIX
    surfaces = photographs(source, root)
    usual = LineRenderer(fonts, corpus, mix, source.max_length, surfaces)
    if not source.short_first:
        return lambda index: usual.sample(seed, index)
    short = LineRenderer(fonts, corpus, mix, source.short_length, surfaces)
    return lambda index: (short if index < source.short_first else usual).sample(seed, index)


def page_sampler(source: RenderedPagesSource | PdfPagesSource, root: Path, seed: int) -> PageSampler:
    """Return what draws page number n of a source; errors are those of `line_sampler`."""
    seed = seed if source.seed is None else source.seed
    if isinstance(source, PdfPagesSource):
        pdfs = PdfRenderer(_pdfs(source, source.characters, root))
        return lambda index: pdfs.sample(seed, index, source.size)
    corpus = _texts(source, source.characters, root)
    pages = PageRenderer(font_library(source, root), corpus, source.mix or None, photographs(source, root))
    return lambda index: pages.sample(seed, index, source.size)


def _texts(source: RenderedLinesSource | RenderedPagesSource, characters: str, root: Path) -> Corpus:
    return _corpus(frozenset(characters), root / source.texts if source.texts else None)


@lru_cache(maxsize=2)
def _corpus(characters: frozenset[str], file: Path | None) -> Corpus:
    if file is None:
        return Corpus.installed(characters)
    try:
        return read_texts(file, characters)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _pdfs(source: PdfLinesSource | PdfPagesSource, characters: str, root: Path) -> PdfLibrary:
    folders = {"folders": [root / source.folder]} if source.folder else {}
    try:
        return PdfLibrary.from_folders(frozenset(characters), **folders)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def photographs(source: RenderedLinesSource | RenderedPagesSource, root: Path) -> Surfaces | None:
    """Return parts without text of the photographs that a source names, those that validate left out."""
    return _surfaces(source.photographs, root) if source.photographs else None


@lru_cache(maxsize=1)
def _surfaces(path: str, root: Path) -> Surfaces:
    return text_free(read_source(LabelledSource(kind="labels", path=path), root))


def font_library(source: RenderedLinesSource | RenderedPagesSource, root: Path) -> FontLibrary:
    """Return the fonts that a source names: a folder, `matplotlib`'s own, or those installed."""
    return _fonts(source.fonts, source.font, root)


# Looked for once: fonts installed during a run would change its lines and pages from one validation to the next.
@lru_cache(maxsize=8)
def _fonts(fonts: str, font: str, root: Path) -> FontLibrary:
    if not fonts:
        return FontLibrary.default()
    folder = matplotlib_fonts() if fonts == "matplotlib" else root / fonts
    library = FontLibrary.from_folders([folder], excluded_fonts())
    if not font:
        return library
    chosen = [face for face in library.faces if Path(face.path).name == font]
    if not chosen:
        raise ConfigError(f"no font {font} in {folder}")
    return FontLibrary(chosen)
