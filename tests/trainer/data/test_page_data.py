"""Pages for the detector: sources and batches."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from trainer.config import DetectorData, LabelledSource, RenderedPagesSource
from trainer.data.page_batches import PageGroups
from trainer.data.page_sources import map_path, open_pages
from trainer.data.pages import PageSample
from trainer.data.problems import Problems
from trainer.errors import ConfigError
from trainer.render.fonts import matplotlib_fonts

SOURCE = {"kind": "labels", "path": "pages", "rows": "all"}


def options(**fields) -> DetectorData:
    table = {"train": [SOURCE], "validate_on": [SOURCE], "batch": 2, "group": 2, "size": 96}
    return DetectorData.model_validate(table | fields)


def groups(data, *, teacher_maps=False, maps="", **fields) -> PageGroups:
    source = LabelledSource.model_validate(SOURCE | {"maps": maps})
    return PageGroups([open_pages(source, data, 0, Problems())], [1.0], options(**fields), 0, teacher_maps)


def test_batches_of_views_with_targets(data):
    first, second = groups(data)[0]
    assert first["images"].shape == second["images"].shape == (2, 96, 96, 3)
    for name in ("shrink_map", "shrink_mask", "threshold_map", "threshold_mask"):
        assert first[name].shape == (2, 96, 96)
    assert first["shrink_map"].any()
    assert "teacher_map" not in first


@pytest.mark.parametrize("views", [1, 2, 4])
def test_views_of_a_page_differ(data, views):
    batches = groups(data, views=views)[0]
    images = [image.tobytes() for batch in batches for image in batch["images"]]
    assert len(images) == len(set(images)) == 4


def test_groups_depend_on_their_number_alone(data):
    first, second = groups(data), groups(data)
    second[5]
    for a, b in zip(first[2], second[2], strict=True):
        assert all((a[name] == b[name]).all() for name in a)


def test_copy_paste_adds_text_to_the_targets(data):
    plain, pasted = (groups(data, copy_paste=share, crop="window", scale=(0.6, 0.6)) for share in (0.0, 1.0))
    cores = [sum(batch["shrink_map"].sum() for batch in source[0]) for source in (plain, pasted)]
    assert cores[1] > cores[0]


class Sparse:
    """Two pages of noise with one small text in a corner, which many a window misses."""

    size = 2

    def page(self, index):
        pixels = np.random.default_rng(index).integers(0, 255, (400, 400, 3)).astype(np.uint8)
        quad = np.array([[2, 2], [42, 2], [42, 14], [2, 14]], np.float32)
        return PageSample(pixels, (quad,), ("a",), (False,))


def test_copy_paste_leaves_views_where_they_are():
    def views(share):
        source = PageGroups([Sparse()], [1.0], options(copy_paste=share, crop="window", rotate=0), 0, False)
        return [image for number in range(8) for batch in source[number] for image in batch["images"]]

    differ = [(before != after).mean() for before, after in zip(views(0.0), views(1.0), strict=True)]
    assert 0 < max(differ) < 0.5


def test_the_map_of_a_page_of_another_shape_is_refused(data):
    for number in range(8):
        path = map_path(data / "maps", f"images/{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((320, 96), np.uint8))
    with pytest.raises(ConfigError, match=r"96 × 320 pixels\) is the map of another page"):
        groups(data, teacher_maps=True, maps="maps")[0]


def test_without_a_teachers_map_the_truth_stands_in(data):
    batch = groups(data, teacher_maps=True)[0][0]
    assert (batch["teacher_map"] == batch["shrink_map"] * 255).all()


def test_a_teachers_map_is_read_and_cut_with_its_page(data, tmp_path):
    for number in range(8):
        path = map_path(data / "maps", f"images/{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((80, 80), 200, np.uint8))
    batch = groups(data, teacher_maps=True, maps="maps", copy_paste=0.0)[0][0]
    on_page = batch["images"].any(axis=3)
    assert np.median(batch["teacher_map"][on_page]) == 200
    assert batch["teacher_map"].max() == 200


@pytest.mark.parametrize("image", ["../orig/images/0.png", "images/../../0.png", "/orig/images/0.png", "images/0.png"])
def test_a_map_lies_below_the_folder_of_maps(tmp_path, image):
    path = map_path(tmp_path / "maps", image)
    assert path.resolve().is_relative_to(tmp_path / "maps")
    assert ".." not in path.parts


def test_no_two_images_share_a_map(tmp_path):
    images = ["a.jpg", "a.png", "b/a.png", "../a.png", "/a.png", "../b/a.png", "../../b/a.png", "/b/a.png"]
    assert len({map_path(tmp_path, image) for image in images}) == len(images)


def test_a_map_under_its_older_name_is_read_if_there_is_none_under_the_new_one(data, tmp_path):
    shutil.copytree(data / "pages", tmp_path / "pages")
    (tmp_path / "maps" / "images").mkdir(parents=True)
    source = LabelledSource.model_validate(SOURCE | {"maps": "maps"})
    page = open_pages(source, tmp_path, 0, Problems()).page
    cv2.imwrite(str(tmp_path / "maps" / "images" / "0.png"), np.full((80, 80), 100, np.uint8))
    assert page(0).teacher.max() == 100
    cv2.imwrite(str(map_path(tmp_path / "maps", "images/0.png")), np.full((80, 80), 200, np.uint8))
    assert page(0).teacher.min() == 200


def test_a_missing_map_is_named(data):
    with pytest.raises(ConfigError, match=r"nowhere.*trainer label --maps"):
        groups(data, teacher_maps=True, maps="nowhere")[0]


def test_bad_pages_are_skipped_and_crossing_outlines_ignored(tmp_path):
    image = np.full((60, 60, 3), 255, np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    (tmp_path / "b.png").write_bytes(b"")
    crossing = {"points": [[5, 5], [50, 30], [50, 5], [5, 30]], "text": "x"}
    rows = [{"image": "a.png", "lines": [crossing]}, {"image": "b.png", "lines": []}]
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    problems = Problems()
    pages = open_pages(LabelledSource.model_validate(SOURCE | {"path": "."}), tmp_path, 0, problems)
    assert pages.page(0).ignore == (True,)
    assert pages.page(1) is None
    assert problems.counts == {"crossing polygon": 1, "unreadable image": 1}
    batches = PageGroups([pages], [1.0], options(), 0, False)[0]
    assert [len(batch["images"]) for batch in batches] == [1, 1]


def test_lines_are_no_pages(data):
    with pytest.raises(ConfigError, match="lines, not pages"):
        open_pages(LabelledSource.model_validate(SOURCE | {"path": "lines"}), data, 0, Problems())


def test_fonts_installed_during_a_run_do_not_change_its_pages(tmp_path):
    def drawn(name: str):
        shutil.copy(matplotlib_fonts() / name, tmp_path)
        source = RenderedPagesSource(kind="rendered", fonts=str(tmp_path), count=1, size=128)
        return open_pages(source, tmp_path, 3, Problems()).page(0).pixels

    assert (drawn("DejaVuSans.ttf") == drawn("DejaVuSerif-Bold.ttf")).all()


class Numbered:
    """Pages that are told apart by their grey, each with a line in the middle; notes which were asked for."""

    def __init__(self, size):
        self.size = size
        self.asked = []

    def page(self, index):
        self.asked.append(index)
        quad = np.array([[70, 70], [110, 70], [110, 82], [70, 82]], np.float32)
        return PageSample(np.full((200, 200, 3), 10 + index, np.uint8), (quad,), ("x",), (False,))


def test_views_are_cut_alike_with_and_without_pasted_text():
    full = np.array([[0, 0], [200, 0], [200, 200], [0, 200]], np.float32)

    class Full(Numbered):
        def page(self, index):
            noise = np.random.default_rng(index).integers(0, 255, (200, 200, 3), np.uint8)
            return PageSample(noise, (full,), ("x",), (False,))

    plain, pasted = (
        PageGroups([Full(4)], [1.0], options(copy_paste=share, crop="window", views=2), 0, False)[0]
        for share in (0.0, 1.0)
    )  # no text finds room on such a page, so that both see the same pixels if they see the same views
    assert all((a["images"] == b["images"]).all() for a, b in zip(plain, pasted, strict=True))


def test_donors_come_from_the_whole_set_but_never_from_the_page_itself():
    source = Numbered(40)
    groups = PageGroups([source], [1.0], options(copy_paste=1.0), 0, False)
    donors = {}
    for position in range(300):
        own = groups.mix.locate(position)[1]
        donors.setdefault(own, set()).add(int(groups._donor(position, {}).pixels[0, 0, 0]) - 10)
    assert set().union(*donors.values()) == set(range(40))
    assert all(own not in found for own, found in donors.items())


def test_where_pages_never_end_donors_come_from_the_group():
    source = Numbered(None)
    PageGroups([source], [1.0], options(copy_paste=1.0), 0, False)[0]
    assert len(source.asked) == len(set(source.asked)) == 4
