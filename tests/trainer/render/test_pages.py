from __future__ import annotations

import cv2
import numpy as np
import pytest

from trainer.render import business
from trainer.render.atlas import GlyphAtlas
from trainer.render.desk import BEFORE_HYPHEN, Desk
from trainer.render.domains import BY_NAME
from trainer.render.draws import sample_rng
from trainer.render.geometry import Camera, clip_quads
from trainer.render.pages import KINDS, PageRenderer
from trainer.render.sheet import MARGIN, Sheet, Type


@pytest.mark.parametrize("kind", list(KINDS))
def test_pages_of_every_kind_are_sound(pages, kind):
    lines = 0
    for index in range(4):
        page = pages.render(sample_rng(2, index), 320, kind)
        assert page.image.shape == (320, 320, 3)
        assert page.image.dtype == np.uint8
        assert page.quads.shape == (len(page.texts), 4, 2)
        assert page.ignore.shape == (len(page.texts),)
        assert np.all(page.quads >= -8)
        assert np.all(page.quads <= 328)
        for quad in page.quads:
            assert cv2.contourArea(quad, oriented=True) > 0, "corners go clockwise"
        lines += len(page.texts)
    assert lines > 0


def test_a_page_is_a_function_of_seed_and_index(fonts, corpus, pages):
    other = PageRenderer(fonts, corpus)
    for index in (4, 2):
        first, second = pages.sample(5, index, 256), other.sample(5, index, 256)
        assert np.array_equal(first.image, second.image)
        assert np.array_equal(first.quads, second.quads)
        assert first.texts == second.texts


def test_lines_end_within_words_where_they_may(fonts, pages):
    face = fonts.draw(sample_rng(0, 0), fonts.weights({"sans": 1.0}), "ab-")
    sheet = Sheet(np.full((100, 400, 3), 255, np.float32), GlyphAtlas())
    kind = Type(face, 20, np.zeros(3, np.float32))
    desk = Desk(sample_rng(0, 1), sheet, pages.phrases, kind, kind, kind)
    text, width = "generations remember extraordinary 12345678901 inventions of considerable importance", 180
    whole, broken = desk.split(text, kind, width), desk.split(text, kind, width, hyphens=True)
    assert " ".join(whole) == text
    assert " ".join(broken).replace("- ", "") == text
    assert any(line.endswith("-") for line in broken)
    for line in broken:
        assert sheet.measure(kind, line) <= width
        assert len(line.split()[-1]) > BEFORE_HYPHEN or not line.endswith("-")


def ink_box(sheet):
    dark = sheet.ground.mean(axis=2) < 200
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def test_written_text_is_labelled_a_little_outside_its_ink(fonts):
    sheet = Sheet(np.full((100, 300, 3), 255, np.float32), GlyphAtlas())
    sheet.write(Type(fonts.faces[0], 24, np.zeros(3, np.float32)), "Hxg 漢", 250, 60, align=1)
    assert sheet.texts == ["Hxg"], "what the face lacks is left out"
    left, top, right, bottom = ink_box(sheet)
    air = MARGIN * (bottom - top)
    expected = [
        [left - air, top - air],
        [right + air, top - air],
        [right + air, bottom + air],
        [left - air, bottom + air],
    ]
    assert np.allclose(sheet.quads[0], expected, atol=3)
    assert np.allclose(sheet.quads[0][:, 1], np.array(expected)[:, 1], atol=1.1)


def test_placed_text_fills_its_quad(fonts):
    sheet = Sheet(np.full((300, 300, 3), 255, np.float32), GlyphAtlas())
    corners = np.array([[60, 250], [60, 50], [100, 50], [100, 250]], np.float32)  # runs upwards
    assert sheet.place(Type(fonts.faces[0], 28, np.zeros(3, np.float32)), "HOUSE", corners)
    left, top, right, bottom = ink_box(sheet)
    assert 60 < left < 70
    assert 90 < right < 100
    assert 50 < top < 62
    assert 238 < bottom < 250
    assert np.array_equal(sheet.quads[0], corners)


SQUARE = np.array([[10, 10], [50, 10], [50, 20], [10, 20]], np.float32)


@pytest.mark.parametrize(
    ("shift", "kept", "cut"),
    [
        ((0, 0), True, False),
        ((-10.5, 0), True, False),  # half a pixel outside is not a cut
        ((-30, 0), True, True),
        ((-60, 0), False, False),
        ((60, 0), True, True),
        ((0, 88), True, True),
        ((200, 200), False, False),
    ],
)
def test_quads_at_the_border(shift, kept, cut):
    which, quads, cuts = clip_quads((SQUARE + np.float32(shift))[None], 100, 100)
    assert which == ([0] if kept else [])
    assert cuts.tolist() == ([cut] if kept else [])
    assert np.all(quads >= 0)
    assert np.all(quads <= 100)


def test_a_cut_quad_keeps_its_corner_order():
    turned = np.roll(SQUARE, 2, axis=0) + np.float32([-30, 0])  # its text is upside down
    _, quads, cuts = clip_quads(turned[None], 100, 100)
    assert cuts.tolist() == [True]
    assert np.allclose(quads[0], [[20, 20], [0, 20], [0, 10], [20, 10]], atol=0.01)


def test_a_sheet_without_text_has_no_quads():
    for index in range(12):
        rng = sample_rng(6, index)
        camera = Camera.draw(rng, 64, photo=True, layout="document")
        _, quads = camera.shoot(rng, np.zeros((*camera.sheet, 3), np.float32), [])
        kept, clipped, cut = clip_quads(quads, 64, 64)
        assert (quads.shape, clipped.shape, kept, cut.size) == ((0, 4, 2), (0, 4, 2), [], 0)


def test_a_camera_moves_quads_with_the_ink():
    for index in range(10):
        rng = sample_rng(4, index)
        camera = Camera.draw(rng, 256, photo=True, layout="document")
        height, width = camera.sheet
        ground = np.full((height, width, 3), 30, np.float32)
        ground[100:140, 60:160] = 255
        quad = np.array([[60, 100], [160, 100], [160, 140], [60, 140]], np.float32)
        image, quads = camera.shoot(rng, ground, [quad])
        inside = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(inside, [quads[0].round().astype(np.int32)], 1)
        if inside.sum() > 0 and quads.min() > 0 and quads.max() < 256:
            core = cv2.erode(inside, np.ones((5, 5), np.uint8)).astype(bool)
            ring = cv2.dilate(inside, np.ones((41, 41), np.uint8)).astype(bool) & ~cv2.dilate(
                inside, np.ones((25, 25), np.uint8)
            ).astype(bool)
            assert image[core].mean() > 1.5 * np.median(image[ring])


def test_values_behind_a_colon_end_on_the_receipt(pages):
    for index in range(20):
        rng = sample_rng(5, index)
        sheet = Sheet(pages._ground(rng, BY_NAME["receipt"], "receipt", (480, 214)), pages._atlas)
        desk = pages._desk(rng, BY_NAME["receipt"], "receipt", sheet, 14.0)
        business._colon_row(desk, 11, 203, 40)
        assert max(float(quad[:, 0].max()) for quad in sheet.quads) <= 206
