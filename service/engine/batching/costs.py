"""What work costs: predictions for admission and fairness, corrected by every batch and every page."""

from __future__ import annotations

from collections.abc import Mapping

from service.engine.batching.queue import Kind, Stage

MEMORY = 0.05
"""Weight of the newest observation in a running mean."""
PACE_MEMORY = 0.01
"""The same for batches, of which a page has many."""
FARTHEST = 10.0
"""What took more times as long as it should counts as so many. A process that stood still for seconds, its cores or its
quota taken away, would else believe for pages that they all take minutes, and refuse them."""


class Costs:
    """Costs of one model's stages, in seconds of a stream.

    Used from many threads without a lock: a lost update of a running mean does no harm.

    Args:
        seconds_a_pixel: of padded input, for each stage.
        text: pixels of lines to be recognized for each pixel that is searched for lines.
    """

    def __init__(self, seconds_a_pixel: Mapping[Stage, float], *, text: float = 1.0) -> None:
        self._seconds_a_pixel = dict(seconds_a_pixel)
        self._text = text

    def of(self, kind: Kind) -> float:
        """Return the cost of one input."""
        return self._seconds_a_pixel[kind.stage] * kind.height * kind.width

    def of_page(self, pixels: int) -> float:
        """Return the cost of a page that is searched in `pixels`, with as many lines as recent pages had."""
        return pixels * (self._seconds_a_pixel["det"] + self._text * self._seconds_a_pixel["rec"])

    def of_lines(self, pixels: int) -> float:
        """Return the cost of recognizing lines of `pixels` in all."""
        return pixels * self._seconds_a_pixel["rec"]

    def learn(self, kind: Kind, count: int, seconds: float) -> None:
        """Take note that a batch of `count` inputs took so long."""
        believed = self._seconds_a_pixel[kind.stage]
        observed = min(seconds / (count * kind.height * kind.width), FARTHEST * believed)
        self._seconds_a_pixel[kind.stage] += MEMORY * (observed - believed)

    def learn_page(self, searched: int, recognized: int, again: int = 0) -> None:
        """Take note of the pixels that a page had in detection, in recognition, and in being read again."""
        if again:  # counted as so many pixels of the first recognizer as take as long
            recognized += round(again * self._seconds_a_pixel["rec2"] / self._seconds_a_pixel["rec"])
        self._text += MEMORY * (recognized / searched - self._text)


class Pace:
    """How much work is done in a second when there is enough of it: at best one second of each stream.

    Less where streams wait for images to be decoded, or cores have more to do than to compute networks.
    """

    def __init__(self, streams: int) -> None:
        self._cost = float(streams)
        self._seconds = 1.0
        self._last: tuple[float, float] | None = None

    @property
    def value(self) -> float:
        """Seconds of a stream in a second."""
        return self._cost / self._seconds

    def note(self, cost: float, now: float, *, saturated: bool) -> None:
        """Take note that a batch of `cost` is begun; only times in which there was more to do than could be count."""
        if saturated and self._last is not None:
            last_cost, since = self._last
            seconds = min(now - since, FARTHEST * last_cost / self.value)
            self._cost += PACE_MEMORY * (last_cost - self._cost)
            self._seconds += PACE_MEMORY * (seconds - self._seconds)
        self._last = (cost, now) if saturated else None
