"""Pages of drawn lines for the engine that knows their script."""

from __future__ import annotations

import numpy as np
import stripes

LINES = [("0123 456", 40, 40, 32), ("ab 11", 500, 44, 24), ("789", 60, 140, 64), ("1 2 3", 300, 400, 40)]
"""Text, left, top and height of lines, in reading order."""


def make_page(lines=LINES, width=960, height=640):
    page = stripes.blank_page(width, height)
    quads = [stripes.draw(page, *line) for line in lines]
    return page, quads


def searches(engine):
    """Width and height of what the detector was asked to look at."""
    return [(shape[3], shape[2]) for shape in engine.backend.networks["detector"].shapes]


def texts(page):
    return [line.text for line in page.lines]


def assert_same(page, other):
    """Same texts, confidences and places."""
    assert page.rotation == other.rotation
    for line, twin in zip(page.lines, other.lines, strict=True):
        assert (line.text, line.confidence) == (twin.text, twin.confidence)
        assert np.array_equal(line.quad, twin.quad)
        assert [word.text for word in line.words] == [word.text for word in twin.words]
