"""Views cut out of pages: labels stay on their text whatever is done to the pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trainer.config import DetectorData
from trainer.data.pages import PageSample, cut_view, quarter_turned
from trainer.render.draws import sample_rng

SOURCE = {"kind": "labels", "path": "pages"}


def options(**fields) -> DetectorData:
    return DetectorData.model_validate({"train": [SOURCE], "validate_on": [SOURCE], "size": 128} | fields)


def page() -> PageSample:
    """Black rectangles on white: their polygons are where the page is dark."""
    pixels = np.full((300, 400, 3), 255, np.uint8)
    quads = []
    for left, top in ((40, 50), (200, 60), (60, 200), (250, 220)):
        pixels[top : top + 24, left : left + 90] = 0
        quads.append(np.array([[left, top], [left + 90, top], [left + 90, top + 24], [left, top + 24]], np.float32))
    return PageSample(pixels, tuple(quads), ("a", "b", "c", "d"), (False,) * 4)


@pytest.mark.parametrize("crop", ["east", "window"])
@pytest.mark.parametrize("index", range(12))
def test_polygons_follow_the_pixels(crop, index):
    view = cut_view(page(), options(crop=crop, scale=(0.5, 2.0)), sample_rng(1, index))
    assert view.pixels.shape == (128, 128, 3)
    assert len(view.texts) == len(view.polygons) == len(view.ignore)
    for polygon in view.polygons:
        middle = polygon.mean(axis=0)
        if ((middle > 2) & (middle < 126)).all():
            x, y = middle.astype(int)
            assert view.pixels[y, x].max() < 60


@pytest.mark.parametrize("crop", ["east", "window"])
def test_some_text_is_nearly_always_in_view(crop):
    views = [cut_view(page(), options(crop=crop, scale=(1, 1)), sample_rng(2, index)) for index in range(20)]
    assert sum(bool(view.polygons) for view in views) >= 19


def test_text_out_of_view_is_dropped_with_its_labels():
    views = [cut_view(page(), options(crop="window", scale=(2, 2)), sample_rng(3, index)) for index in range(10)]
    assert all(len(view.polygons) < 4 for view in views)


def test_east_cuts_between_lines_only():
    for index in range(20):
        view = cut_view(page(), options(rotate=0, flip=0, scale=(1, 1)), sample_rng(4, index))
        for polygon in view.polygons:
            assert polygon.min() >= -1.5
            assert polygon.max() <= 129.5


def test_without_augmentation_a_page_of_the_views_size_is_itself():
    small = PageSample(page().pixels[:128, :128], (), (), ())
    view = cut_view(small, options(rotate=0, flip=0, scale=(1, 1), crop="window"), sample_rng(0, 0))
    assert (view.pixels == small.pixels).all()


def test_a_flip_mirrors_and_keeps_the_text():
    view = cut_view(page(), options(rotate=0, flip=1, scale=(0.32, 0.32), crop="window"), sample_rng(0, 0))
    first = view.polygons[view.texts.index("a")]
    width = 400 * 0.32
    assert first[:, 0].max() - first[:, 0].min() == pytest.approx(90 * 0.32, abs=0.1)
    assert first[0, 0] > first[1, 0]
    assert view.texts == ("a", "b", "c", "d")
    assert width == pytest.approx(128)


def test_a_page_without_text_gives_a_view():
    blank = PageSample(np.zeros((50, 40, 3), np.uint8), (), (), ())
    for crop in ("east", "window"):
        assert cut_view(blank, options(crop=crop), sample_rng(0, 0)).pixels.shape == (128, 128, 3)


def test_a_teachers_map_is_cut_like_the_page():
    plain = page()
    taught = replace(plain, teacher=255 - plain.pixels[:, :, 0])
    view = cut_view(taught, options(), sample_rng(5, 1))
    both = view.pixels[:, :, 0].astype(int) + view.teacher
    # 255 on the page, 0 beyond it, and between them along the page's edge.
    assert np.isin(both, (0, 254, 255)).mean() > 0.99
    assert view.teacher.any()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_polygons_follow_a_page_on_its_side(turns):
    turned = quarter_turned(page(), turns)
    assert turned.pixels.shape[:2] == ((400, 300) if turns % 2 else (300, 400))
    assert turned.texts == page().texts
    for polygon in turned.polygons:
        (left, top), (right, bottom) = polygon.min(axis=0).astype(int), polygon.max(axis=0).astype(int)
        assert (turned.pixels[top:bottom, left:right] == 0).all()
    assert (turned.pixels == 0).sum() == (page().pixels == 0).sum()


def test_pages_lie_on_their_side_as_often_as_told():
    still = options(flip=0, rotate=0, scale=(1.0, 1.0), copy_paste=0)
    wide = [np.ptp(cut_view(page(), still, sample_rng(2, i)).polygons[0], axis=0) for i in range(8)]
    assert all(box[0] > box[1] for box in wide)
    lying = still.model_copy(update={"quarter_turns": 1.0})
    found = [np.ptp(cut_view(page(), lying, sample_rng(2, i)).polygons[0], axis=0) for i in range(16)]
    assert 0.3 < np.mean([box[0] < box[1] for box in found]) < 0.95


def test_windows_lie_where_they_would_without_what_was_pasted():
    plain = page()
    corner = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], np.float32)
    both = replace(plain, polygons=(*plain.polygons, corner), texts=(*plain.texts, "e"), ignore=(*plain.ignore, False))
    data = options(crop="window", scale=(3, 3))
    for index in range(40):
        first = cut_view(plain, data, sample_rng(5, index))
        second = cut_view(both, data, sample_rng(5, index), pasted=1)
        assert (first.pixels == second.pixels).all()
        assert set(second.texts) - {"e"} == set(first.texts)
