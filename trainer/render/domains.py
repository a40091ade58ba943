"""The worlds that lines come from: what is written there, in which type, and what happens to it before it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Shares are probabilities; lengths are in crop heights or pixels as said; ranges are drawn from uniformly."""

    name: str
    texts: Mapping[str, float]
    fonts: Mapping[str, float]
    heights: Range
    """Crop height in pixels, drawn log-uniformly."""
    crisp: bool = False
    """Glyphs are rasterised at the size shown, as on screens, instead of being scaled to it."""
    stretch: Range = (0.85, 1.15)
    """Width of the type against the font's own."""
    tracking: Range = (-0.02, 0.06)
    """Extra space between letters, in ems."""
    wide_words: float = 0.1
    """Share of lines with spaces of 1.5 to 5 times their width."""
    tight: float = 0.5
    """Share of crops that follow the ink of this very text; the others leave room for ascenders and descenders."""
    margin: Range = (-0.03, 0.2)
    """Space above and below, in heights of the text."""
    skew: float = 0.3
    """Share of crops with corners that a detector did not quite hit."""
    perspective: float = 0.04
    """How far those corners are off, in heights."""
    curve: float = 0.03
    neighbours: float = 0.3
    """Share with lines close above and below."""
    rules: float = 0.05
    """Share with an underline, a box or a table's lines."""
    coloured: float = 0.0
    photo: float = 0.0
    """Share on a textured surface, of the coloured ones."""
    vivid: float = 0.04
    """Share of grounds and inks of a strong colour, of the coloured ones."""
    dark: float = 0.02
    """Share with light text on a dark ground."""
    level: Range = (200.0, 255.0)
    """Brightness of the paper."""
    ink: Range = (0.0, 110.0)
    """Brightness of the ink on it."""
    contrast: Range = (60.0, 120.0)
    """Least difference in brightness between the two."""
    plate: float = 0.0
    """Share of the coloured ones with the edge of a board, and what lies beyond it, in the crop."""
    roughness: float = 5.0
    effects: float = 0.0
    """Share with outline, shadow or glow."""
    bilevel: float = 0.0
    dots: float = 0.0
    """Share printed by a matrix of dots."""
    wear: float = 0.2
    weight: Range = (0.85, 1.5)
    """Gain of the ink's coverage after softening: above 1 it spreads, below it thins."""
    blur: Range = (0.0, 0.8)
    """Pixels at a height of 32."""
    low_resolution: float = 0.1
    noise: Range = (0.0, 8.0)
    salt: float = 0.04
    shade: float = 0.2
    jpeg: float = 0.3
    quality: Range = (35.0, 92.0)


_PRINT = {"sans": 4.0, "serif": 4.0, "book": 3.0, "mono": 1.0, "typewriter": 1.0, "condensed": 0.6, "display": 0.2}
_TILL = {"mono": 5.0, "bitmap": 2.5, "sans": 3.5, "condensed": 2.5, "typewriter": 1.2, "serif": 0.6, "display": 0.2}
_RECEIPT_TEXTS = {
    "receipt": 26, "item": 14, "amount": 13, "price": 9, "number": 5, "tiny": 7, "date": 5, "time": 4, "code": 8,
    "phone": 3, "address": 7, "company": 4, "name": 1.5, "email": 1, "url": 1, "leader": 2, "single": 5, "words": 2.5,
    "short_text": 3, "sentence": 1.5, "marks": 1.5, "random": 1.5, "foreign": 2, "label": 2, "numbers": 1,
}  # fmt: skip

DOMAINS = (
    Domain(
        name="receipt",
        texts=_RECEIPT_TEXTS,
        fonts=_TILL,
        heights=(13, 42),
        stretch=(0.55, 1.15),
        wide_words=0.15,
        margin=(-0.03, 0.3),
        level=(215, 255),
        ink=(0, 135),
        bilevel=0.12,
        dots=0.05,
        wear=0.35,
        weight=(0.8, 1.6),
        blur=(0, 1.1),
        noise=(0, 9),
        low_resolution=0.2,
        dark=0.02,
        rules=0.06,
    ),
    Domain(
        name="receipt_photo",
        texts=_RECEIPT_TEXTS,
        fonts=_TILL,
        heights=(10, 44),
        stretch=(0.6, 1.2),
        wide_words=0.12,
        skew=0.75,
        perspective=0.08,
        curve=0.1,
        margin=(-0.05, 0.3),
        neighbours=0.5,
        coloured=0.75,
        level=(125, 250),
        ink=(10, 100),
        roughness=7,
        dark=0.04,
        dots=0.06,
        wear=0.18,
        weight=(0.8, 1.5),
        blur=(0, 1.0),
        low_resolution=0.2,
        noise=(0, 9),
        shade=0.5,
        jpeg=0.6,
    ),
    Domain(
        name="form",
        texts={
            "label": 22, "single": 30, "words": 6, "short_text": 8, "sentence": 4, "number": 6, "date": 6, "code": 5,
            "phone": 3, "name": 5, "company": 3, "address": 4, "leader": 5, "tiny": 8, "marks": 3, "amount": 3,
            "random": 2, "heading": 3, "time": 1, "foreign": 2, "listed": 5,
        },
        fonts={"sans": 4, "serif": 4, "typewriter": 4, "book": 1.5, "mono": 1, "condensed": 0.5, "display": 0.2},
        heights=(10, 24),
        tight=0.6,
        margin=(-0.04, 0.22),
        rules=0.22,
        bilevel=0.75,
        level=(225, 255),
        ink=(0, 60),
        wear=0.15,
        weight=(0.85, 2.0),
        blur=(0, 0.6),
        noise=(0, 8),
        salt=0.08,
        dark=0.04,
        low_resolution=0.08,
        jpeg=0.15,
    ),
    Domain(
        name="document",
        texts={
            "sentence": 44, "short_text": 12, "heading": 8, "words": 4, "single": 6, "number": 5, "amount": 4,
            "numbers": 3,
            "name": 3, "date": 2, "email": 1, "url": 1, "leader": 3, "marks": 4, "label": 3, "code": 2, "phone": 1,
            "tiny": 3, "random": 1.5, "address": 1, "foreign": 3, "formula": 9, "listed": 4,
        },
        fonts=_PRINT,
        heights=(12, 46),
        stretch=(0.88, 1.12),
        tracking=(-0.015, 0.03),
        tight=0.35,
        skew=0.2,
        coloured=0.12,
        bilevel=0.25,
        level=(222, 255),
        ink=(0, 70),
        roughness=3,
        wear=0.08,
        weight=(0.85, 1.5),
        blur=(0, 0.8),
        noise=(0, 5),
        shade=0.1,
        salt=0.03,
        jpeg=0.25,
        low_resolution=0.15,
        rules=0.06,
    ),
    Domain(
        name="book",
        texts={"sentence": 82, "heading": 8, "short_text": 6, "tiny": 2, "words": 2, "marks": 2},
        fonts={"book": 7, "serif": 3, "typewriter": 0.4, "display": 0.1},
        heights=(20, 48),
        stretch=(0.88, 1.15),
        tracking=(-0.01, 0.05),
        wide_words=0.3,
        tight=0.35,
        bilevel=0.55,
        level=(190, 252),
        ink=(0, 80),
        roughness=8,
        wear=0.25,
        weight=(0.8, 1.9),
        blur=(0, 1.0),
        noise=(0, 9),
        salt=0.15,
        shade=0.25,
        coloured=0.12,
    ),
    Domain(
        name="scene",
        texts={
            "spoken": 34, "single": 22, "sign": 14, "words": 2, "number": 6, "tiny": 6, "price": 2, "phone": 1.5,
            "company": 2, "url": 1.5, "code": 2, "marks": 1, "random": 1.5, "date": 1, "short_text": 2, "foreign": 1.5,
        },
        fonts={
            "sans": 5, "condensed": 2, "serif": 2, "book": 1.2, "display": 0.6, "mono": 0.2, "poster": 3, "sign": 2.5,
            "script": 1.5,
        },
        heights=(11, 64),
        stretch=(0.6, 1.4),
        tracking=(-0.05, 0.25),
        tight=0.85,
        margin=(-0.06, 0.32),
        skew=0.8,
        perspective=0.13,
        curve=0.18,
        neighbours=0.12,
        rules=0.06,
        coloured=0.95,
        vivid=0.5,
        photo=0.35,
        plate=0.2,
        contrast=(40, 130),
        dark=0.5,
        level=(75, 255),
        ink=(0, 170),
        roughness=8,
        effects=0.35,
        wear=0.1,
        weight=(0.8, 1.6),
        blur=(0, 1.2),
        low_resolution=0.15,
        noise=(0, 9),
        shade=0.4,
        jpeg=0.5,
        quality=(25, 92),
    ),
    Domain(
        name="screen",
        texts={
            "sentence": 18, "short_text": 20, "words": 10, "single": 12, "label": 10, "url": 5, "email": 4, "number": 6,
            "date": 3, "time": 3, "price": 3, "heading": 5, "marks": 5, "code": 4, "leader": 1, "tiny": 3, "random": 3,
            "foreign": 4, "formula": 1, "listed": 4,
        },
        fonts={"sans": 7, "mono": 2, "serif": 1, "condensed": 0.7, "bitmap": 0.5, "display": 0.2},
        heights=(11, 34),
        crisp=True,
        stretch=(1.0, 1.0),
        tracking=(0, 0),
        skew=0.0,
        tight=0.4,
        neighbours=0.15,
        coloured=0.7,
        vivid=0.25,
        dark=0.3,
        level=(200, 255),
        ink=(0, 120),
        roughness=0.5,
        wear=0.0,
        weight=(1.0, 1.0),
        blur=(0, 0.2),
        noise=(0, 2),
        salt=0.0,
        shade=0.0,
        jpeg=0.3,
        low_resolution=0.08,
    ),
)  # fmt: skip

BY_NAME: Mapping[str, Domain] = {domain.name: domain for domain in DOMAINS}
DEFAULT_MIX: Mapping[str, float] = {
    "receipt": 0.22, "receipt_photo": 0.15, "form": 0.17, "document": 0.19, "book": 0.08, "scene": 0.14, "screen": 0.05,
}  # fmt: skip
