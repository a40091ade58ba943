"""Vectors worked out by hand; boxes are written as left, top, right, bottom."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.scoring import CropScorer, DetectionScorer, PageScorer, RecognitionScorer, Region, Tally
from ocr_core.scoring.matching import covered, hulls, iou, match


def corners(left, top, right, bottom):
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def region(box, text="", *, ignore=False):
    return Region(corners(*box), text, ignore)


def score(labels, found, *, by_line=True):
    scorer = PageScorer(by_line=by_line)
    scorer.add(labels, found)
    return scorer


BOW = ((0, 0), (10, 10), (10, 0), (0, 10))
"""A polygon that crosses itself; its hull is the square of side 10."""


def test_iou_of_shifted_squares():
    overlap = iou(hulls([corners(0, 0, 10, 10)]), hulls([corners(5, 0, 15, 10), corners(20, 0, 30, 10)]))
    assert overlap == pytest.approx(np.array([[50 / 150, 0.0]]))


def test_a_box_is_covered_when_more_than_half_of_it_lies_in_one_region():
    boxes = hulls([corners(0, 0, 10, 10), corners(5, 0, 15, 10), corners(4, 0, 14, 10)])
    assert covered(boxes, hulls([corners(0, 0, 10, 10)])).tolist() == [True, False, True]
    assert covered(boxes, hulls([corners(0, 0, 10, 5), corners(0, 5, 10, 10)])).tolist() == [False, False, False]


def test_matching_takes_the_first_box_that_passes_not_the_best():
    assert match(np.array([[0.6, 0.9], [0.0, 0.8], [0.7, 0.0]])) == [(0, 0), (1, 1)]


def test_matching_needs_more_than_half():
    assert match(np.array([[0.5]])) == []


@pytest.mark.parametrize(("shape", "kind"), [((0, 0), "nothing"), ((0, 2), "no labels"), ((2, 0), "no boxes")])
def test_matching_over_nothing(shape, kind):
    assert match(np.zeros(shape)) == []


def test_words_are_counted_wherever_they_stand_and_as_often_as_they_are_there():
    labels = [region((0, 0, 9, 9), "Grand TOTAL total"), region((0, 20, 9, 29), "5.00")]
    found = [region((50, 50, 59, 59), "total 5.00 5.00"), region((0, 0, 9, 9), "grand")]
    scorer = score(labels, found)
    # In both: grand, total once of two, 5.00 once of two.
    assert scorer.words == Tally(matched=3, truth=4, found=4)
    assert scorer.figures()["word_f1"] == pytest.approx(0.75)


def test_characters_ignore_white_space():
    scorer = score([region((0, 0, 9, 9), "AB C")], [region((0, 0, 9, 9), "a bcd")])
    assert scorer.characters == Tally(matched=3, truth=3, found=4)
    assert scorer.figures()["char_f1"] == pytest.approx(6 / 7)


def test_end_to_end_needs_the_box_and_the_text():
    labels = [region((0, 0, 10, 10), "Total"), region((0, 20, 10, 30), "5.00"), region((0, 40, 10, 50), "thanks")]
    found = [region((0, 0, 10, 9), "TO TAL"), region((0, 20, 10, 30), "6.00"), region((0, 60, 10, 70), "thanks")]
    scorer = score(labels, found)
    assert scorer.detection == Tally(matched=2, truth=3, found=3)
    assert scorer.end_to_end == Tally(matched=1, truth=3, found=3)
    assert scorer.figures() == pytest.approx(
        {"word_f1": 2 * 1 / (3 + 4), "char_f1": 2 * 14 / (15 + 15), "det_h": 2 / 3, "e2e_h": 1 / 3}
    )


def test_what_lies_in_an_ignored_region_does_not_count():
    labels = [region((0, 0, 10, 10), "a"), region((0, 20, 100, 30), "smudge", ignore=True)]
    found = [region((0, 0, 10, 10), "a"), region((20, 20, 40, 30), "noise"), region((200, 0, 210, 10), "extra")]
    scorer = score(labels, found)
    assert scorer.detection == Tally(matched=1, truth=1, found=2)
    assert scorer.words == Tally(matched=1, truth=1, found=2)


def test_a_split_line_gets_no_credit_for_its_halves():
    labels = [region((0, 0, 100, 10), "grand total")]
    found = [region((0, 0, 49, 10), "grand"), region((51, 0, 100, 10), "total")]
    scorer = score(labels, found)
    assert scorer.detection == Tally(matched=0, truth=1, found=2)
    assert scorer.words.hmean == 1.0


def test_word_labels_give_no_figures_of_boxes():
    scorer = score([region((0, 0, 10, 10), "a")], [region((0, 0, 10, 10), "a")], by_line=False)
    assert scorer.figures() == {"word_f1": 1.0, "char_f1": 1.0}


def test_order_runs_over_the_words_of_all_regions_but_ignored_ones():
    labels = [
        region((0, 0, 9, 9), "One two"),
        region((0, 20, 9, 29), "smudge", ignore=True),
        region((0, 40, 9, 49), "3"),
    ]
    found = [region((0, 0, 9, 9), "one"), region((0, 20, 9, 29), "noise"), region((0, 40, 9, 49), "3 two")]
    scorer = PageScorer(by_line=False, ordered=True)
    scorer.add(labels, found)
    # Wanted: one two, two 3. Given: one 3, 3 two.
    assert scorer.figures()["order"] == 0
    scorer.add(labels, labels)
    assert scorer.figures()["order"] == pytest.approx(2 / 4)


@pytest.mark.parametrize(
    ("labels", "found", "figure", "reason"),
    [
        ([], [], 1.0, "an empty page read as such"),
        ([region((0, 0, 9, 9), "a")], [], 0.0, "nothing found"),
        ([], [region((0, 0, 9, 9), "a")], 0.0, "text found on an empty page"),
        ([region((0, 0, 9, 9), "a", ignore=True)], [region((0, 0, 9, 9), "b")], 1.0, "all of it ignored"),
        ([region((5, 5, 5, 5), "a")], [region((5, 5, 5, 5), "b")], 0.0, "boxes without area"),
    ],
)
def test_degenerate_pages(labels, found, figure, reason):
    assert set(score(labels, found).figures().values()) == {figure}


def test_pages_add_up_before_the_ratio_is_taken():
    scorer = PageScorer(by_line=True)
    scorer.add([region((0, 0, 9, 9), "a b c d")], [region((0, 0, 9, 9), "a b c d")])
    scorer.add([region((0, 0, 9, 9), "e")], [])
    assert scorer.pages == 2
    assert scorer.figures()["word_f1"] == pytest.approx(2 * 4 / (5 + 4))
    assert scorer.figures()["det_h"] == pytest.approx(2 * 1 / (2 + 1))


def test_crops_are_compared_loosely_and_in_full():
    scorer = CropScorer()
    for label, found in [("Pub!", "PUB"), ("Pub!", "pub!"), ("Ｐ ub!", "Pub!"), ("", "")]:
        scorer.add(label, found)
    assert scorer.crops == 4
    assert scorer.figures() == {"acc": 1.0, "acc_full": 0.5}


def test_detection_gives_precision_and_recall():
    scorer = DetectionScorer()
    boxes = [corners(0, 0, 10, 10), corners(0, 20, 10, 30), corners(0, 40, 10, 50)]
    scorer.add(boxes, [False, False, True], [boxes[0], boxes[2], corners(50, 50, 60, 60)])
    # The third label is ignored and takes the second box with it.
    assert scorer.figures() == pytest.approx({"precision": 1 / 2, "recall": 1 / 2, "hmean": 1 / 2})


def test_detection_drops_polygons_that_cross_themselves_where_pages_take_the_hull():
    detection = DetectionScorer()
    detection.add([BOW, corners(0, 0, 10, 10)], [False, False], [corners(0, 0, 10, 10), BOW])
    assert detection.tally == Tally(matched=1, truth=1, found=1)
    assert score([Region(BOW, "x")], [region((0, 0, 10, 10), "x")]).detection == Tally(matched=1, truth=1, found=1)


def test_recognition_removes_spaces_only():
    scorer = RecognitionScorer()
    for label, found in [("RM 5.00", "RM5.00"), ("abcd", "abXd"), ("Ａ", "A"), ("", "ab"), ("", "")]:
        scorer.add(label, found)
    assert scorer.figures() == pytest.approx({"acc": 2 / 5, "similarity": 1 - (0 + 1 / 4 + 1 + 1 + 0) / 5})


@pytest.mark.parametrize("scorer", [CropScorer(), RecognitionScorer()])
def test_nothing_read_is_no_success(scorer):
    assert set(scorer.figures().values()) == {0}
