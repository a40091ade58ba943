from __future__ import annotations

import numpy as np

from ocr_core.formats.drawing import COLOURS, draw_quads


def test_quads_are_outlined_on_a_copy():
    pixels = np.full((80, 200, 3), 255, np.uint8)
    quads = [np.array([[20, 20], [90, 20], [90, 50], [20, 50]]), np.array([[110, 30], [190, 30], [190, 60], [110, 60]])]
    drawn = draw_quads(pixels, quads)
    assert (pixels == 255).all()
    for number, quad in enumerate(quads, start=1):
        (x, y), colour = quad[2], COLOURS[number]
        assert np.abs(drawn[y, x].astype(int) - colour).max() < 60
        assert (drawn[(quad[0, 1] + quad[2, 1]) // 2, x - 5] == 255).all()


def test_quads_beyond_the_edges_are_drawn_as_far_as_they_show():
    quad = np.array([[-30, -10], [50, -10], [50, 40], [-30, 40]], np.float32)
    assert draw_quads(np.zeros((60, 60, 3), np.uint8), [quad])[40, 20].any()


def test_nothing_to_draw():
    pixels = np.zeros((5, 5, 3), np.uint8)
    assert not draw_quads(pixels, []).any()
