"""What layouts share: the sheet, the generators, the types, and how running text is broken into lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.render import backgrounds
from trainer.render.backgrounds import Colour
from trainer.render.draws import Weighted, chance
from trainer.render.phrases import Phrases
from trainer.render.sheet import Sheet, Type

Rng = np.random.Generator

HYPHENATED = 0.5
"""Share of paragraphs whose lines may end within a word."""
BEFORE_HYPHEN, LEFT_OVER = 2, 3
"""Letters of a word that a line ends with at least, and that the next begins with."""
SIZES = (10, 12, 14, 16, 18, 21, 24, 28, 33, 40, 48)


def nearest_size(pixels: float) -> int:
    """The size kept that is nearest: glyphs of every size would fill the memory."""
    return min(SIZES, key=lambda size: abs(size - pixels))


@dataclass(frozen=True, slots=True)
class Desk:
    """What a layout needs: the sheet, generators, and the types of text, headings and small print."""

    rng: Rng
    sheet: Sheet
    phrases: Phrases
    body: Type
    head: Type
    small: Type

    def draw(self, **kinds: float) -> str:
        """Text of one of the weighted kinds."""
        return self.phrases.draw(self.rng, Weighted(kinds))

    @property
    def ink(self) -> Colour:
        """The text's colour, for rules and frames."""
        return self.body.colour

    def split(self, text: str, kind: Type, width: float, *, hyphens: bool = False) -> list[str]:
        """`text` broken into lines no wider than `width` pixels, within words too if there may be `hyphens`."""
        lines: list[str] = []
        line, used = "", 0.0
        space = self.sheet.measure(kind, " ")
        for word in self.sheet.drawable(kind, text).split():
            wide = self.sheet.measure(kind, word)
            if line and used + space + wide > width:
                letters = self._fitting(kind, word, width - used - space) if hyphens else 0
                lines.append(f"{line} {word[:letters]}-" if letters else line)
                word = word[letters:]
                line, used, wide = "", 0.0, self.sheet.measure(kind, word)
            if wide <= width:
                line, used = (f"{line} {word}", used + space + wide) if line else (word, wide)
        return [*lines, line] if line else lines

    def _fitting(self, kind: Type, word: str, room: float) -> int:
        """How many letters of a word stand, with a hyphen, in `room` pixels: two at least, and three are left; or 0."""
        if not word.isalpha() or not self.sheet.drawable(kind, "-"):
            return 0
        counts = range(len(word) - LEFT_OVER, BEFORE_HYPHEN - 1, -1)
        return next((count for count in counts if self.sheet.measure(kind, word[:count] + "-") <= room), 0)

    def paragraph(
        self, kind: Type, x: float, y: float, width: float, lines: int, leading: float, *, full: bool
    ) -> float:
        """Sets up to `lines` lines of running text, to both margins if `full`; returns where the next baseline is."""
        pitch = self.sheet.pitch(kind) * leading
        text = self.phrases.corpus.text(self.rng, int(lines * width / max(self.sheet.measure(kind, "e") * 1.05, 1)))
        broken = self.split(text, kind, width, hyphens=chance(self.rng, HYPHENATED))[:lines]
        for at, line in enumerate(broken):
            spaces = line.count(" ")
            slack = width - self.sheet.measure(kind, line)
            stretch = 1.0
            if full and at < len(broken) - 1 and spaces and slack < 0.25 * width:
                stretch += slack / (spaces * self.sheet.measure(kind, " "))
            self.sheet.write(kind, line, x, y, word_space=stretch)
            y += pitch
        return y

    def fit(self, kind: Type, text: str, width: float) -> str:
        """The words of `text` that fit into `width` pixels."""
        lines = self.split(text, kind, width)
        return lines[0] if lines else ""

    def picture(self, box: tuple[float, float, float, float]) -> None:
        """A photograph-like patch without text."""
        x0, y0 = max(0, round(box[0])), max(0, round(box[1]))
        x1, y1 = min(self.sheet.width, round(box[2])), min(self.sheet.height, round(box[3]))
        if x1 - x0 > 8 and y1 - y0 > 8:
            self.sheet.ground[y0:y1, x0:x1] = backgrounds.photo_like(self.rng, y1 - y0, x1 - x0)
