"""One image on its way through the pipeline: from its pixels to a page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocr_core.geometry import Points, turn_points
from ocr_core.layout.order import reading_order
from ocr_core.pipeline.alone import beside, characters, looser
from ocr_core.pipeline.cells import candidates, cells_of, column
from ocr_core.pipeline.large import firm, unread, with_large
from ocr_core.pipeline.lines import LineReader, ReadQuad
from ocr_core.pipeline.orientation import MARGIN, downward, may_stand
from ocr_core.pipeline.result import Line, Page, ReadOptions, Word
from ocr_core.pipeline.runner import Networks, Runner
from ocr_core.pipeline.searched import Searched, turn_pixels
from ocr_core.pipeline.sparse import best_of, unclaimed, without_noise
from ocr_core.pipeline.stopwatch import Stopwatch
from ocr_core.pipeline.turn import TurnFinder
from ocr_core.preprocess import Pixels
from ocr_core.recognition.words import span_quad, split_words


class Call:
    """The state of one call; everything it shares with others is immutable."""

    def __init__(self, networks: Networks, runner: Runner, options: ReadOptions) -> None:
        self._options = options
        self._watch = Stopwatch()
        self._reader = LineReader(networks, runner, self._watch, language=options.language)
        self._turn = TurnFinder(self._reader)

    def read(self, pixels: Pixels) -> Page:
        """Read H×W×3 BGR pixels."""
        height, width = pixels.shape[:2]
        if not self._options.detect:
            whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
            return self._page([self._reader.read_picture(pixels, whole)], (width, height), 0)
        rotation, lines = self._read_upright(pixels)
        with self._watch.stage("post"):
            lines = [line for line in lines if line.reading.text]
            lines = [lines[i] for i in reading_order([line.quad for line in lines])]
        return self._page(lines, (width, height), rotation)

    def _read_upright(self, pixels: Pixels) -> tuple[int, list[ReadQuad]]:
        """Return the turn that makes the page upright, and its lines in the pixels of the turned page."""
        page = self._reader.search(pixels)
        turn = self._turn.by_shape(pixels, page.quads)
        if turn.degrees:
            return self._read_turned(pixels, turn.degrees)
        lines = self._read(pixels, page.quads)
        turn = self._turn.by_readings(pixels, page.quads, lines)
        if not turn.degrees:
            return 0, self._settled(page, lines)
        page = turn.page or self._reader.search(turn_pixels(pixels, turn.degrees))
        return turn.degrees, self._settled(page, self._read(page.pixels, page.quads))

    def _read_turned(self, pixels: Pixels, degrees: int) -> tuple[int, list[ReadQuad]]:
        """Turn a page that lies on its side by its shape, and search it anew: detectors see less in such pages."""
        page = self._reader.search(turn_pixels(pixels, degrees))
        lines = self._read(page.pixels, page.quads)
        if self._turn.is_upside_down(page.pixels, page.quads, lines):
            degrees, page = (degrees + 180) % 360, page.turned(180)
            lines = self._read(page.pixels, page.quads)
        return degrees, self._settled(page, lines)

    def _settled(self, page: Searched, lines: Sequence[ReadQuad]) -> list[ReadQuad]:
        """Settle the direction of each line, then what it says; where they are few, look for more."""
        settled = self._settle(page.pixels, page.quads, lines)
        if page.faint is None:
            # First, for a part of a large letter reads as a small one.
            lines = self._with_large(page, settled)
            return self._parted(page.pixels, [*lines, *self._alone(page, lines)])
        faint = unclaimed(self._reader.faint(page), settled)
        read = self._settle(page.pixels, faint, self._read(page.pixels, faint))
        # Who asks for the least sure lines too asks for noise.
        if self._options.min_confidence > 0:
            settled = without_noise(settled, page.scores)
        return self._parted(page.pixels, best_of(settled, read))

    def _with_large(self, page: Searched, lines: Sequence[ReadQuad]) -> list[ReadQuad]:
        """Look for letters that are too large for the search of the page."""
        quads = unread(self._reader.large(page, firm(lines)), lines)
        return with_large(lines, self._settle(page.pixels, quads, self._read(page.pixels, quads)))

    def _alone(self, page: Searched, lines: Sequence[ReadQuad]) -> list[ReadQuad]:
        """Read what may be characters that stand alone."""
        short = beside(page.short, lines)
        read = self._reader.read(page.pixels, [*short, *map(looser, short)])
        return characters(read[: len(short)], read[len(short) :])

    def _parted(self, pixels: Pixels, lines: Sequence[ReadQuad]) -> list[ReadQuad]:
        """Read lines that run down cell by cell, where they prove to be columns of short cells."""
        columns = {i: quads for i in candidates(lines) if (quads := cells_of(pixels, lines[i].quad))}
        every = [quad for quads in columns.values() for quad in quads]
        read = iter(self._reader.review(pixels, self._reader.read(pixels, every)))
        cells = {i: [next(read) for _ in quads] for i, quads in columns.items()}
        return [line for i, whole in enumerate(lines) for line in column(whole, cells.get(i, [])) or [whole]]

    def _settle(self, pixels: Pixels, quads: Sequence[Points], lines: Sequence[ReadQuad]) -> list[ReadQuad]:
        return self._reader.review(pixels, self._reader.settle(pixels, quads, lines))

    def _read(self, pixels: Pixels, quads: Sequence[Points]) -> list[ReadQuad]:
        """Read quads across, tall ones downwards; those that may be one letter as they stand too, which is likelier."""
        lone = [i for i, quad in enumerate(quads) if may_stand(quad)]
        read = self._reader.read(pixels, [*map(downward, quads), *(quads[i] for i in lone)])
        lines = read[: len(quads)]
        for i, standing in zip(lone, read[len(quads) :], strict=True):
            if lines[i].confidence < standing.confidence + MARGIN:
                lines[i] = standing
        return lines

    def _page(self, lines: Sequence[ReadQuad], size: tuple[int, int], rotation: int) -> Page:
        """Build the answer, with every point mapped back to the pixels of the upload."""
        upright = size if rotation % 180 == 0 else size[::-1]

        def back(quad: Points) -> Points:
            return turn_points(quad, upright, -rotation)

        def words(line: ReadQuad) -> tuple[Word, ...]:
            spans = split_words(line.reading.characters, line.reading.frames)
            return tuple(Word(text=s.text, confidence=s.confidence, quad=back(span_quad(line.quad, s))) for s in spans)

        return Page(
            width=size[0],
            height=size[1],
            rotation=rotation,
            lines=tuple(
                Line(
                    text=line.reading.text,
                    confidence=line.confidence,
                    quad=back(line.quad),
                    words=words(line) if self._options.words else (),
                )
                for line in lines
                if line.reading.text and line.confidence >= self._options.min_confidence
            ),
            seconds=self._watch.seconds,
        )
