"""Single lines of text as a recognizer meets them: the crop of a detected quad, with the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import backgrounds, noise
from trainer.render.atlas import GlyphAtlas, Mask, Metrics
from trainer.render.corpus import Corpus
from trainer.render.cutting import Setting, cut
from trainer.render.domains import BY_NAME, DEFAULT_MIX, Domain
from trainer.render.draws import Weighted, between, chance, sample_rng, whole
from trainer.render.fonts import Face, FontLibrary
from trainer.render.ink import finish, paint
from trainer.render.phrases import Phrases

Rng = np.random.Generator
Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIZE = 40
"""Pixels an em that glyphs are kept in, and lines set in before they are scaled to what is wanted."""


@dataclass(frozen=True, slots=True)
class Line:
    """`image` uint8 [H, W, 3] BGR; `char_spans` float32 [n, 2], where each character starts and ends, in pixels."""

    image: Image
    text: str
    char_spans: Floats
    domain: str


class LineRenderer:
    """Renders lines in the characters of `corpus`; a sample is a function of (seed, index) alone."""

    def __init__(
        self,
        fonts: FontLibrary,
        corpus: Corpus,
        mix: Mapping[str, float] = DEFAULT_MIX,
        max_length: int = 96,
        surfaces: backgrounds.Surfaces | None = None,
    ) -> None:
        """`surfaces`: parts of photographs without text, to draw signs on."""
        noise.warm_up()
        backgrounds.warm_up()
        self.phrases = Phrases(corpus)
        self._fonts = fonts
        self._atlas = GlyphAtlas()
        self._domains = Weighted(mix)
        self._texts = {name: Weighted(BY_NAME[name].texts) for name in mix}
        self._kinds = {name: fonts.weights(BY_NAME[name].fonts) for name in mix}
        self._max_length = max_length
        self._surfaces = surfaces

    @classmethod
    def default(cls, characters: frozenset[str], **options: Any) -> LineRenderer:
        """With the fonts and texts installed on this machine."""
        return cls(FontLibrary.default(), Corpus.installed(characters), **options)

    def sample(self, seed: int, index: int) -> Line:
        """The line of (seed, index)."""
        return self.render(sample_rng(seed, index))

    def render(self, rng: Rng, text: str | None = None, domain: str | None = None) -> Line:
        """Renders `text`, or text of the domain's kinds; `text` must be drawable: see `Corpus.clean`."""
        world = BY_NAME[domain or self._domains.draw(rng)]
        if text is None:
            text = self._shorten(self.phrases.draw(rng, self._texts[world.name]))
        face = self._fonts.draw(rng, self._kinds[world.name], text)
        setting = self._set(rng, world, face, text)
        mask, spans = cut(rng, world, setting)
        bilevel = chance(rng, world.bilevel)
        image = finish(rng, world, paint(rng, world, mask, bilevel=bilevel, surfaces=self._surfaces), bilevel=bilevel)
        return Line(image, text, spans, world.name)

    def _shorten(self, text: str) -> str:
        if len(text) <= self._max_length:
            return text
        return text[: self._max_length + 1].rpartition(" ")[0].strip() or text[: self._max_length].strip()

    def _set(self, rng: Rng, world: Domain, face: Face, text: str) -> Setting:
        """Draws the line, and what is close to it."""
        height = float(np.exp(between(rng, *np.log(world.heights))))
        if len(text) > 48:
            height = min(height, 36.0)
        size = 4 * round(0.2 * height) if world.crisp else SIZE
        line = self._atlas.set_line(
            face,
            size,
            text,
            tracking=size * _tracking(rng, world),
            word_space=between(rng, 1.5, 5.0) if chance(rng, world.wide_words) else between(rng, 0.8, 1.3),
            jitter=[whole(rng, -1, 1) for _ in text] if face.kind == "typewriter" and chance(rng, 0.2) else None,
        )
        metrics = self._atlas.metrics(face, size)
        pad, baseline = size // 2 + 2, metrics.ascent + size // 2
        canvas = np.zeros((baseline + metrics.descent + size // 2 + 2, line.width + 2 * pad), np.uint8)
        line.draw(canvas, pad, baseline)
        if chance(rng, world.neighbours):
            self._neighbours(rng, canvas, face, size, text, baseline)
        if chance(rng, world.rules):
            _rules(rng, canvas, metrics, size, baseline)
        if chance(rng, world.dots):
            canvas = _dots(rng, canvas, metrics)
        top, bottom = line.ink_rows()
        if bottom - top < 0.25 * metrics.x_height or not chance(rng, world.tight):
            top, bottom = -metrics.ascent, metrics.descent
        return Setting(
            canvas=canvas,
            box=(float(pad), float(baseline + top), float(pad + max(line.width, 2)), float(baseline + bottom)),
            x=np.array((line.x, line.ends)) + np.float32(pad),
            middle=baseline - metrics.x_height / 2,
            em=float(size),
            height=(bottom - top) * 1.15 if world.crisp else height,
        )

    def _neighbours(self, rng: Rng, canvas: Mask, face: Face, size: int, text: str, baseline: int) -> None:
        """Lines above and below at a common pitch: the same text shifted, so that no glyph is new."""
        metrics = self._atlas.metrics(face, size)
        pitch = round((metrics.ascent + metrics.descent) * between(rng, 1.0, 1.6))
        for step in (-1, 1):
            if chance(rng, 0.8):
                shift = whole(rng, 0, len(text) - 1)
                other = self._atlas.set_line(face, size, text[shift:] + " " + text[:shift])
                other.draw(canvas, size // 2 + whole(rng, -size, size), baseline + step * pitch)


def _tracking(rng: Rng, world: Domain) -> float:
    low, high = world.tracking
    if high <= 0:
        return 0.0
    return between(rng, low, high) if chance(rng, 0.5) else between(rng, low, high) * 0.25


def _rules(rng: Rng, canvas: Mask, metrics: Metrics, size: int, baseline: int) -> None:
    """An underline, a line above, table lines at the sides, or a box, drawn into the canvas."""
    height, width = canvas.shape
    pad = size // 2
    thick = max(1, round(size * between(rng, 0.03, 0.1)))
    below = min(baseline + round(metrics.descent * between(rng, 0.3, 1.3)) + 1, height - thick)
    above = max(baseline - metrics.ascent - round(size * between(rng, 0.08, 0.3)), 0)
    shade = whole(rng, 120, 255)
    form = whole(rng, 0, 4)
    if form in (0, 1, 4):
        there = canvas[below : below + thick]
        np.maximum(there, shade, out=there)
    if form in (2, 4):
        canvas[above : above + thick] = shade
    if form in (3, 4):
        for x in (pad - whole(rng, 1, pad), width - whole(rng, 2, pad) - thick):
            canvas[:, max(x, 0) : max(x, 0) + thick] = shade


def _dots(rng: Rng, canvas: Mask, metrics: Metrics) -> Mask:
    """The canvas as a matrix printer's pins set it: seven to twelve dots for a capital's height."""
    height, width = canvas.shape
    scale = whole(rng, 7, 12) / metrics.ascent
    small = cv2.resize(
        canvas, (max(4, round(width * scale)), max(4, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    pin = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (4, 4)) * np.uint8(255)
    dotted = np.kron((small > between(rng, 90, 130)).astype(np.uint8), pin)
    return np.asarray(cv2.resize(dotted, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
