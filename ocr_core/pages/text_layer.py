"""From the characters of a PDF's text layer to words and lines, where they are seen on the page.

Characters come in the order of the file, which is that of writing far more often than not: neighbours in it that stand
side by side form a line. Then pieces of a line that were written apart, as bold words are by some programs, are joined.
Coordinates are points of the page as it is seen, y pointing down; distances are measured in heights of characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points
from ocr_core.pages.glyphs import Characters, Frame, Glyph, glyphs_of, is_meant
from ocr_core.pages.typewriting import Pitches, typed

SPACE = 0.5
"""A gap this wide parts two words even where the file has no space. PDFium finds narrower ones by the font's widths."""
GAP = 1.2
"""A gap this wide parts two lines: columns are further apart, words of justified text rarely so far."""
BACK = 0.5
"""How far a character may begin before the one ahead of it ends: italics and accents overlap."""
SAME_LINE = 0.5
"""Share of the lower one's height by which neighbours overlap: a superscript does, the next line does not."""
SAME_ROW = 0.3
"""Pieces of a line have middles closer than this."""
GARBLED = 0.3
"""Share of characters without meaning from which a line is garbled."""
SPACED = 0.6
"""Share of words of one letter from which the letters of a line are set apart."""
TIGHT = 0.2
"""No space between words is as narrow as that."""
LONGEST_WORD = 1_000
"""Characters up to which accents are joined with their letters: Unicode's way of sorting them takes the square of their
number, and stops all threads meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EmbeddedWord:
    """A word of a text layer; `quad` as that of its line."""

    text: str
    quad: Points


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EmbeddedLine:
    """A line of a text layer. `quad` is 4×2, clockwise, from the top left corner of the text as it is read."""

    text: str
    """Without the characters that have no meaning, and so perhaps empty."""
    quad: Points
    words: tuple[EmbeddedWord, ...]
    typed: str = ""
    """Of a line set in a font whose letters are all of one width: its text with as many spaces between words as there
    is room for. Else empty."""
    space: float = 0.0
    """How wide a space of `typed` is."""
    seen: bool
    """False where it leaves no mark on the page, as the text that OCR programs lay on or under a scan."""
    characters: int
    """With those that have no meaning."""
    garbled: bool
    """Its font does not say which characters these are, or says that they are private ones."""

    def scaled(self, factor: float) -> EmbeddedLine:
        """Return the line on a page `factor` times as large."""
        size = np.float32(factor)
        words = tuple(replace(word, quad=word.quad * size) for word in self.words)
        return replace(self, quad=self.quad * size, words=words, space=self.space * factor)


@dataclass(slots=True)
class _Piece:
    """Words of a line, each a list of glyphs, written one after the other."""

    words: list[list[Glyph]]
    glyphs: list[Glyph] = field(init=False)
    left: float = field(init=False)
    right: float = field(init=False)
    top: float = field(init=False)
    bottom: float = field(init=False)

    def __post_init__(self) -> None:
        self.glyphs = [glyph for word in self.words for glyph in word]
        self.left, self.right, self.top, self.bottom = _extent(self.glyphs)


def form_lines(characters: Characters, frame: Frame, hidden: NDArray[np.bool_]) -> list[EmbeddedLine]:
    """Return the lines that characters form, in the order of the file; what stands outside the page is left out.

    Args:
        characters: of one page.
        frame: how the page is seen.
        hidden: N, which characters something covers.
    """
    pieces = _joined([_Piece(words) for words in _written(glyphs_of(characters, frame, hidden))])
    pitches = Pitches.of([piece.glyphs for piece in pieces])
    return [_line(piece, pitches) for piece in pieces]


def _written(glyphs: Iterator[Glyph | None]) -> Iterator[list[list[Glyph]]]:
    """Yield the words of each line, as long as each character stands right behind the one ahead of it."""
    words: list[list[Glyph]] = []
    last: Glyph | None = None
    spaced = False
    for glyph in glyphs:
        if glyph is None:
            spaced = True
            continue
        if last is not None and glyph.place == last.place:
            last.text += glyph.text  # of a ligature, which PDFium takes apart
            continue
        if last is None or not _follows(last, glyph):
            if words:
                yield words
            words = [[glyph]]
        elif spaced or glyph.left - last.right > SPACE * min(last.height, glyph.height):
            words.append([glyph])
        else:
            words[-1].append(glyph)
        last, spaced = glyph, False
    if words:
        yield words


def _follows(last: Glyph, glyph: Glyph) -> bool:
    height = max(last.height, glyph.height)
    return (
        last.angle == glyph.angle
        and last.seen == glyph.seen
        and _overlap(last, glyph) > SAME_LINE
        and -BACK * height < glyph.left - last.right < GAP * height
    )


def _overlap(a: Glyph | _Piece, b: Glyph | _Piece) -> float:
    lower = max(min(a.bottom - a.top, b.bottom - b.top), 1e-3)
    return (min(a.bottom, b.bottom) - max(a.top, b.top)) / lower


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Return the pieces with those joined that stand side by side on one line."""
    rows: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda p: (p.glyphs[0].angle, p.glyphs[0].seen, p.top + p.bottom)):
        if rows and _same_row(rows[-1][0], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    joined: dict[int, list[_Piece]] = {}
    for row in rows:
        first: _Piece | None = None
        last: _Piece | None = None
        for piece in sorted(row, key=lambda p: p.left):
            if first is None or last is None or not _adjoins(last, piece):
                first = piece
            joined.setdefault(id(first), []).append(piece)
            last = piece
    return [_Piece(_run_on(joined[id(piece)])) for piece in pieces if id(piece) in joined]


def _same_row(a: _Piece, b: _Piece) -> bool:
    same = a.glyphs[0].angle == b.glyphs[0].angle and a.glyphs[0].seen == b.glyphs[0].seen
    lower = min(a.bottom - a.top, b.bottom - b.top)
    return same and abs(a.top + a.bottom - b.top - b.bottom) / 2 < SAME_ROW * lower


def _adjoins(a: _Piece, b: _Piece) -> bool:
    height = max(a.bottom - a.top, b.bottom - b.top)
    return _overlap(a, b) > SAME_LINE and -BACK * height < b.left - a.right < GAP * height


def _run_on(pieces: Sequence[_Piece]) -> list[list[Glyph]]:
    """Return the words of pieces; where there is no gap between two of them, a word runs on."""
    words: list[list[Glyph]] = []
    for piece in pieces:
        gap = piece.left - words[-1][-1].right if words else np.inf
        if gap > SPACE / 3 * piece.glyphs[0].height:
            words += piece.words
        else:
            words[-1] = words[-1] + piece.words[0]
            words += piece.words[1:]
    return words


def _closed_up(words: list[list[Glyph]]) -> list[list[Glyph]]:
    """Return the words of a line whose letters are set apart, as those of code often are, whole again."""
    if sum(len(word) == 1 for word in words) < SPACED * len(words) or len(words) < 4:
        return words
    gaps = [(right[0].left - left[-1].right) / left[-1].height for left, right in pairwise(words)]
    middle = float(np.median(gaps))
    if middle > TIGHT:  # words of one letter, as formulas have them
        return words
    limit = 2 * middle
    closed = [list(words[0])]
    for gap, word in zip(gaps, words[1:], strict=True):
        if gap < limit:
            closed[-1] += word
        else:
            closed.append(list(word))
    return closed


def _line(piece: _Piece, pitches: Pitches) -> EmbeddedLine:
    words = tuple(word for glyphs in _closed_up(piece.words) if (word := _word(glyphs)).text)
    meant = sum(glyph.meant for glyph in piece.glyphs)
    code, space = typed(piece.glyphs, pitches)
    return EmbeddedLine(
        text=" ".join(word.text for word in words),
        quad=_quad(piece.glyphs),
        words=words,
        typed=code,
        space=space,
        seen=piece.glyphs[0].seen,
        characters=len(piece.glyphs),
        garbled=meant < (1 - GARBLED) * len(piece.glyphs),
    )


def _word(glyphs: Sequence[Glyph]) -> EmbeddedWord:
    text = "".join(character for glyph in glyphs for character in glyph.text if is_meant(character))
    if len(text) <= LONGEST_WORD:
        text = unicodedata.normalize("NFC", text)
    return EmbeddedWord(text=text, quad=_quad(glyphs))


def _extent(glyphs: Sequence[Glyph]) -> tuple[float, float, float, float]:
    return (
        min(glyph.left for glyph in glyphs),
        max(glyph.right for glyph in glyphs),
        min(glyph.top for glyph in glyphs),
        max(glyph.bottom for glyph in glyphs),
    )


def _quad(glyphs: Sequence[Glyph]) -> Points:
    left, right, top, bottom = _extent(glyphs)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    cos, sin = np.cos(glyphs[0].angle), np.sin(glyphs[0].angle)
    return np.asarray(corners @ np.array([[cos, sin], [-sin, cos]]), np.float32)
