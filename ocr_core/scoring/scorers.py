"""Figures of quality, counted image by image.

`PageScorer` and `CropScorer` count what a user of an OCR system sees; `DetectionScorer` and `RecognitionScorer` judge
one network by the metrics of PP-OCR. All figures are shares from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import shapely

from ocr_core.scoring.datasets import Corners, Region
from ocr_core.scoring.matching import covered, hulls, iou, match, polygons
from ocr_core.scoring.neighbours import neighbours
from ocr_core.scoring.tally import Tally
from ocr_core.scoring.text import alphanumeric, characters, edit_distance, squash, words


class PageScorer:
    """Compares read pages with labelled ones.

    word_f1: bags of the words of each page, case-folded NFKC, wherever they stand; so it is the same for systems that
        return lines and for those that return words.
    char_f1: the same over characters without white space, for Chinese and for labels without spaces.
    det_h: Hmean of boxes, IoU of the convex hulls > 0.5, one to one.
    e2e_h: the same where also the text is equal after NFKC, case folding and removal of white space.
    order: of the pairs of neighbouring words of each page both of which were read, the share that are neighbours in
        the answer; see `neighbours`. 1 where no such pair was read.

    Boxes are compared only where labels are lines (`by_line`), order only where labels stand in reading order
    (`ordered`). What was read mostly inside an ignored region is left out of every figure.
    """

    def __init__(self, *, by_line: bool, ordered: bool = False) -> None:
        self.by_line = by_line
        self.ordered = ordered
        self.pages = 0
        self.words = Tally()
        self.characters = Tally()
        self.detection = Tally()
        self.end_to_end = Tally()
        self.neighbours = Tally()

    def add(self, labels: Sequence[Region], found: Sequence[Region]) -> None:
        """Count one page."""
        truth = [label for label in labels if not label.ignore]
        outlines = hulls(region.points for region in found)
        inside = covered(outlines, hulls(label.points for label in labels if label.ignore))
        found, outlines = [region for region, skip in zip(found, inside, strict=True) if not skip], outlines[~inside]
        self.pages += 1
        self.words += _bags(words, truth, found)
        self.characters += _bags(characters, truth, found)
        if self.by_line:
            pairs = match(iou(hulls(label.points for label in truth), outlines))
            equal = sum(_same(truth[i].text, found[j].text) for i, j in pairs)
            self.detection += Tally(len(pairs), len(truth), len(found))
            self.end_to_end += Tally(equal, len(truth), len(found))
        if self.ordered:
            self.neighbours += neighbours(_words(truth), _words(found))

    def figures(self) -> dict[str, float]:
        """Return the figures of all pages so far."""
        figures = {"word_f1": self.words.hmean, "char_f1": self.characters.hmean}
        if self.by_line:
            figures |= {"det_h": self.detection.hmean, "e2e_h": self.end_to_end.hmean}
        if self.ordered:
            figures["order"] = self.neighbours.recall
        return figures


class CropScorer:
    """Compares read crops with labelled ones.

    acc: the letters and digits are equal, case-folded NFKC.
    acc_full: all characters but white space are equal, case and all, NFKC.
    """

    def __init__(self) -> None:
        self.crops = 0
        self._loose = 0
        self._full = 0

    def add(self, label: str, found: str) -> None:
        """Count one crop."""
        self.crops += 1
        self._loose += alphanumeric(label) == alphanumeric(found)
        self._full += squash(label) == squash(found)

    def figures(self) -> dict[str, float]:
        """Return the figures of all crops so far; 0 where there are none."""
        count = max(self.crops, 1)
        return {"acc": self._loose / count, "acc_full": self._full / count}


class DetectionScorer:
    """Precision, recall and Hmean of boxes by the protocol of ICDAR 2015, as PaddleOCR's DetMetric.

    It differs from `det_h` of `PageScorer` in two ways: polygons are taken as they are, not as convex hulls, and
    polygons that cross themselves are dropped on both sides.
    """

    def __init__(self) -> None:
        self.tally = Tally()

    def add(self, labels: Sequence[Corners], ignore: Sequence[bool], found: Sequence[Corners]) -> None:
        """Count one page: the corners of its labels, which of them to ignore, and the corners that were found."""
        truth = polygons(points for points, skip in zip(labels, ignore, strict=True) if not skip)
        ignored = polygons(points for points, skip in zip(labels, ignore, strict=True) if skip)
        truth, ignored, boxes = (shapes[shapely.is_valid(shapes)] for shapes in (truth, ignored, polygons(found)))
        boxes = boxes[~covered(boxes, ignored)]
        self.tally += Tally(len(match(iou(truth, boxes))), len(truth), len(boxes))

    def figures(self) -> dict[str, float]:
        """Return the figures of all pages so far."""
        return {"precision": self.tally.precision, "recall": self.tally.recall, "hmean": self.tally.hmean}


class RecognitionScorer:
    """Accuracy of lines, as PaddleOCR's RecMetric: only spaces are removed before the comparison.

    acc: the texts are equal, case and all.
    similarity: 1 − mean of the edit distance divided by the length of the longer text (`norm_edit_dis`).
    """

    def __init__(self) -> None:
        self.lines = 0
        self._equal = 0
        self._distance = 0.0

    def add(self, label: str, found: str) -> None:
        """Count one line."""
        self.lines += 1
        self._equal += same_text(label, found)
        label, found = label.replace(" ", ""), found.replace(" ", "")
        self._distance += edit_distance(label, found) / max(len(label), len(found), 1)

    def figures(self) -> dict[str, float]:
        """Return the figures of all lines so far; 0 where there are none."""
        count = max(self.lines, 1)
        return {"acc": self._equal / count, "similarity": (self.lines - self._distance) / count}


def same_text(label: str, found: str) -> bool:
    """Whether two texts are equal but for spaces, case and all."""
    return label.replace(" ", "") == found.replace(" ", "")


def _words(regions: Iterable[Region]) -> list[str]:
    return [word for region in regions for word in words(region.text)]


def _bags(split: Callable[[str], list[str]], truth: Iterable[Region], found: Iterable[Region]) -> Tally:
    bags = ([item for region in regions for item in split(region.text)] for regions in (truth, found))
    return Tally.of_bags(*bags)


def _same(a: str, b: str) -> bool:
    return squash(a).casefold() == squash(b).casefold()
