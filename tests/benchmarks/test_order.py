from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from benchmarks.order import Readings, Scorer, entry, in_order, score
from benchmarks.systems import ReadingFailedError
from ocr_core.scoring import PageRow, PageSet, Region


def line(text, left, top):
    return Region(((left, top), (left + 200, top), (left + 200, top + 10), (left, top + 10)), text)


LEFT = [line(text, 0, 20 * i) for i, text in enumerate(["a b", "c d", "e f", "g h"])]
RIGHT = [line(text, 300, 20 * i) for i, text in enumerate(["i j", "k l", "m n", "o p"])]
ACROSS = [each for row in zip(LEFT, RIGHT, strict=True) for each in row]


class System:
    """Reads any image as two columns, row by row; fails on one named so."""

    name = "fake"

    def __init__(self):
        self.starts, self.reads, self.ends = 0, [], 0

    def start(self):
        self.starts += 1
        return self

    def page(self, image: Path):
        self.reads.append(image.name)
        if image.stem == "broken":
            raise ReadingFailedError("no image")
        return ACROSS

    def close(self):
        self.ends += 1


def test_pages_are_read_once_and_put_in_order_anew(tmp_path):
    pages = PageSet(tmp_path, (PageRow("images/a.png", (*LEFT, *RIGHT)), PageRow("images/broken.png", (LEFT[0],))))
    system = System()
    for _ in range(2):
        with ExitStack() as stack:
            readings = Readings(system, tmp_path / "readings", stack)
            asis, anew = (score(pages, readings, anew=anew).values() for anew in (False, True))
    assert system.reads == ["a.png", "broken.png"]
    assert system.starts == system.ends == 1
    # 16 words: in rows only the pairs within lines are kept.
    assert entry("set", "fake", asis) == {
        "set": "set", "system": "fake", "pages": 2, "pairs": 15, "order": 8 / 15, "word_f1": 2 * 16 / (18 + 16),
        "hyphens": 0, "hyphens_read": 1,
    }  # fmt: skip
    assert entry("set", "fake", anew)["order"] == 1


def test_lines_are_ordered_by_this_trees_layout():
    assert in_order(ACROSS) == [*LEFT, *RIGHT]
    assert in_order([]) == []


def test_words_that_a_lines_end_parts_are_counted(tmp_path):
    read = Scorer()
    read.add(
        [line("the sys-", 0, 0), line("tem - com-", 0, 20), line("puter", 0, 40)],
        [line("the sys-", 0, 0), line("tem - com puter", 0, 20)],
    )
    figures = entry("set", "fake", [read])
    assert (figures["hyphens"], figures["hyphens_read"]) == (2, 0.5)
