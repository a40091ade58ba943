"""Rendered lines and pages as sources of training data."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from trainer.config import RenderedLinesSource, RenderedPagesSource
from trainer.data.lines import Line, fit_height
from trainer.errors import ConfigError
from trainer.render.corpus import Corpus
from trainer.render.domains import DEFAULT_MIX
from trainer.render.fonts import FontLibrary, excluded_fonts, matplotlib_fonts
from trainer.render.lines import LineRenderer
from trainer.render.pages import PageRenderer


class RenderedLines:
    """Lines drawn by `LineRenderer`, scaled to the network's height."""

    def __init__(
        self, source: RenderedLinesSource, characters: str, root: Path, seed: int, height: int, grey: bool
    ) -> None:
        self.source = source
        self.size = source.count or None
        self.seed = seed
        self.height = height
        self.grey = grey
        self.renderer = line_renderer(source, characters, root, source.max_length)
        self.first = line_renderer(source, characters, root, source.short_length) if source.short_first else None

    def line(self, index: int, position: int) -> Line:  # noqa: ARG002 - drawn anew only for another index
        """Return line `index`."""
        renderer = self.first if self.first and index < self.source.short_first else self.renderer
        drawn = renderer.sample(self.seed, index)
        pixels = fit_height(drawn.image, self.height, self.grey)
        scale = pixels.shape[1] / drawn.image.shape[1]
        return Line(pixels, drawn.text, np.asarray(drawn.char_spans.mean(axis=1) * scale, np.float32))


def line_renderer(source: RenderedLinesSource, characters: str, root: Path, max_length: int) -> LineRenderer:
    """Return the renderer that a source describes, for texts of at most `max_length` of `characters`."""
    corpus = _corpus(frozenset(characters))
    return LineRenderer(font_library(source, root), corpus, source.mix or DEFAULT_MIX, max_length)


def page_renderer(source: RenderedPagesSource, characters: str, root: Path) -> PageRenderer:
    """Return the renderer that a source describes, for pages in `characters`."""
    return PageRenderer(font_library(source, root), _corpus(frozenset(characters)), source.mix or None)


@lru_cache(maxsize=2)
def _corpus(characters: frozenset[str]) -> Corpus:
    return Corpus.installed(characters)


def font_library(source: RenderedLinesSource | RenderedPagesSource, root: Path) -> FontLibrary:
    """Return the fonts that a source names: a folder, `matplotlib`'s own, or those installed."""
    if not source.fonts:
        return FontLibrary.default()
    folder = matplotlib_fonts() if source.fonts == "matplotlib" else root / source.fonts
    library = FontLibrary.from_folders([folder], excluded_fonts())
    if not source.font:
        return library
    chosen = [face for face in library.faces if Path(face.path).name == source.font]
    if not chosen:
        raise ConfigError(f"no font {source.font} in {folder}")
    return FontLibrary(chosen)
