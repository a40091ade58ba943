"""Single lines of text as a recognizer meets them: the crop of a detected quad, with the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render.atlas import GlyphAtlas, Mask, Metrics, SetLine
from trainer.render.corpus import Corpus
from trainer.render.domains import BY_NAME, DEFAULT_MIX, Domain
from trainer.render.draws import Weighted, between, chance, sample_rng, whole
from trainer.render.fonts import Face, FontLibrary
from trainer.render.ink import finish, paint
from trainer.render.phrases import Phrases

Rng = np.random.Generator
Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIZES = (16, 24, 40)
"""Sizes in pixels that glyphs are kept in; a line is scaled from the one just above what it needs."""


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
    ) -> None:
        self.phrases = Phrases(corpus)
        self._fonts = fonts
        self._atlas = GlyphAtlas()
        self._domains = Weighted(mix)
        self._texts = {name: Weighted(BY_NAME[name].texts) for name in mix}
        self._kinds = {name: fonts.weights(BY_NAME[name].fonts) for name in mix}
        self._max_length = max_length

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
            text = self._cut(self.phrases.draw(rng, self._texts[world.name]))
        face = self._fonts.draw(rng, self._kinds[world.name], text)
        setting = self._set(rng, world, face, text)
        mask, spans = _crop(rng, world, setting)
        image = finish(rng, world, paint(rng, world, mask))
        return Line(image, text, spans, world.name)

    def _cut(self, text: str) -> str:
        if len(text) <= self._max_length:
            return text
        return text[: self._max_length + 1].rpartition(" ")[0].strip() or text[: self._max_length].strip()

    def _set(self, rng: Rng, world: Domain, face: Face, text: str) -> _Setting:
        """Draws the line, and what is close to it, at the atlas size that suits the height drawn."""
        height = np.exp(between(rng, *np.log(world.heights)))
        if len(text) > 48:
            height = min(height, 36.0)
        size = next((size for size in SIZES if size >= 0.9 * height), SIZES[-1])
        line = self._atlas.set_line(
            face,
            size,
            text,
            tracking=size * _tracking(rng, world),
            word_space=between(rng, 1.5, 5.0) if chance(rng, world.wide_words) else between(rng, 0.8, 1.3),
            jitter=[whole(rng, -1, 1) for _ in text] if face.kind == "typewriter" and chance(rng, 0.2) else None,
        )
        metrics = self._atlas.metrics(face, size)
        pad, rise = size // 2 + 2, metrics.ascent + size // 2
        canvas = np.zeros((rise + metrics.descent + size // 2 + 2, line.width + 2 * pad), np.uint8)
        line.draw(canvas, pad, rise)
        setting = _Setting(canvas, line, metrics, size, pad, rise, height)
        if chance(rng, world.neighbours):
            self._neighbours(rng, setting, face, text)
        if chance(rng, world.rules):
            _rules(rng, setting)
        if chance(rng, world.dots):
            return replace(setting, canvas=_dots(rng, canvas, metrics))
        return setting

    def _neighbours(self, rng: Rng, setting: _Setting, face: Face, text: str) -> None:
        """Lines above and below at a common pitch: the same text shifted, so that no glyph is new."""
        pitch = round((setting.metrics.ascent + setting.metrics.descent) * between(rng, 1.0, 1.6))
        for step in (-1, 1):
            if chance(rng, 0.8):
                shift = whole(rng, 0, len(text) - 1)
                other = self._atlas.set_line(face, setting.size, text[shift:] + " " + text[:shift])
                left = setting.pad + whole(rng, -setting.size, setting.size)
                other.draw(setting.canvas, left, setting.baseline + step * pitch)


@dataclass(frozen=True, slots=True)
class _Setting:
    """A line on its canvas [H, W] of ink coverage: text starts at `pad`, stands on row `baseline`."""

    canvas: Mask
    line: SetLine
    metrics: Metrics
    size: int
    pad: int
    baseline: int
    height: float

    def box(self, *, tight: bool) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the text: of its ink, or from ascender to descender."""
        left, right = float(self.pad), float(self.pad + max(self.line.width, 2))
        top, bottom = self.line.ink_rows()
        if tight and bottom - top >= 0.25 * self.metrics.x_height:
            return left, float(self.baseline + top), right, float(self.baseline + bottom)
        return left, float(self.baseline - self.metrics.ascent), right, float(self.baseline + self.metrics.descent)


def _tracking(rng: Rng, world: Domain) -> float:
    low, high = world.tracking
    if high <= 0:
        return 0.0
    return between(rng, low, high) if chance(rng, 0.5) else between(rng, low, high) * 0.25


def _rules(rng: Rng, setting: _Setting) -> None:
    """An underline, a line above, table lines at the sides, or a box, drawn into the canvas."""
    canvas, metrics, size = setting.canvas, setting.metrics, setting.size
    height, width = canvas.shape
    thick = max(1, round(size * between(rng, 0.03, 0.1)))
    below = min(setting.baseline + round(metrics.descent * between(rng, 0.3, 1.3)) + 1, height - thick)
    above = max(setting.baseline - metrics.ascent - round(size * between(rng, 0.08, 0.3)), 0)
    shade = whole(rng, 120, 255)
    form = whole(rng, 0, 4)
    if form in (0, 1, 4):
        there = canvas[below : below + thick]
        np.maximum(there, shade, out=there)
    if form in (2, 4):
        canvas[above : above + thick] = shade
    if form in (3, 4):
        for x in (setting.pad - whole(rng, 2, setting.pad - 1), width - whole(rng, 2, setting.pad) - thick):
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


def _crop(rng: Rng, world: Domain, setting: _Setting) -> tuple[Floats, Floats]:
    """Cuts the line out as a detector would: coverage [H, W] of 0..1 at the final size, and the characters' spans."""
    canvas = setting.canvas
    if chance(rng, world.curve):
        canvas = _bend(rng, canvas, setting.size)
    left, top, right, bottom = setting.box(tight=chance(rng, world.tight))
    tall = bottom - top
    low, high = world.margin
    top -= tall * between(rng, low, high)
    bottom += tall * between(rng, low, high)
    left -= setting.metrics.ascent * between(rng, low, high + 0.1)
    right += setting.metrics.ascent * between(rng, low, high + 0.1)
    height = max(8, min(round(setting.height * (bottom - top) / (tall * 1.15)), 64))
    width = max(6, round(height * (right - left) / (bottom - top) * between(rng, *world.stretch)))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    if chance(rng, world.skew):
        corners += _misses(rng, corners, world.perspective)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(corners, target), np.float64)
    mask = cv2.warpPerspective(canvas, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return mask.astype(np.float32) * np.float32(1 / 255), _spans(setting, matrix, width)


def _misses(rng: Rng, corners: Floats, amount: float) -> Floats:
    """How far a detected quad's corners are off [4, 2]: a slant common to both ends, a shear, and each corner's own."""
    tall = float(corners[3, 1] - corners[0, 1])
    draws: Floats = rng.standard_normal(10, dtype=np.float32) * np.float32(amount * tall)
    slant, shear = draws[8] * np.float32(0.5), draws[9]
    common = np.array([[shear, slant], [shear, -slant], [-shear, -slant], [-shear, slant]], np.float32)
    return np.asarray(common + np.float32(0.6) * draws[:8].reshape(4, 2))


def _bend(rng: Rng, canvas: Mask, size: int) -> Mask:
    """The line on a flat arc, half as high as the type at most."""
    height, width = canvas.shape
    depth = between(rng, -0.45, 0.45) * min(size, width / 4)
    x = np.arange(width, dtype=np.float32)
    arc = depth * ((2 * x / width - 1) ** 2 - np.float32(0.4))
    rows = np.arange(height, dtype=np.float32)[:, None] + arc[None, :]
    return np.asarray(cv2.remap(canvas, np.broadcast_to(x, rows.shape).copy(), rows, cv2.INTER_LINEAR), np.uint8)


def _spans(setting: _Setting, matrix: NDArray[np.float64], width: int) -> Floats:
    """Starts and ends of the characters [n, 2] through the crop's homography, along the middle of the x-height."""
    x = np.array((setting.line.x, setting.line.ends)).T + np.float32(setting.pad)
    y = setting.baseline - setting.metrics.x_height / 2
    (a, b, c), _, (d, e, f) = matrix.tolist()
    spans = (x * np.float32(a) + np.float32(b * y + c)) / (x * np.float32(d) + np.float32(e * y + f))
    return np.asarray(np.minimum(np.maximum(spans, 0), width), np.float32)
