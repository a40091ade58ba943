"""How much is looked at where a page has many words: work is counted, not timed."""

from __future__ import annotations

import random

import numpy as np
import pytest

from ocr_core.layout import boxes, strips, tables
from ocr_core.layout.blocks import find_blocks

FIGURES = ["North 66.28 210.00 1.00", "South 17.10 199.50 2.00", "East. 12.00 310.00 4.50"]


def quad(left, top, right):
    return np.array([[left, top], [right, top], [right, top + 20], [left, top + 20]], np.float32)


def kinds(lines):
    """Return the kinds of a page's blocks; of each line are given its top, and its words of ten a letter."""
    texts, quads, words = [], [], []
    for top, text in lines:
        left, found = 10, []
        for word in text.split():
            found.append((word, quad(left, top, left + 10 * len(word))))
            left += 10 * len(word) + 10
        texts.append(text)
        quads.append(quad(10, top, left - 10))
        words.append(found)
    return [block.kind for block in find_blocks(quads, texts, words).blocks]


def counted(monkeypatch, owner, name):
    """Count the calls of a function: the list grows by one with each."""
    calls, function = [], getattr(owner, name)

    def spy(*args, **options):
        calls.append(name)
        return function(*args, **options)

    monkeypatch.setattr(owner, name, spy)
    return calls


def test_rows_of_many_short_words_are_each_compared_a_few_times(monkeypatch):
    calls, chance = counted(monkeypatch, strips, "crossed"), random.Random(1)
    page = [(30 * i, " ".join(chance.choices(["a", "12", "foo"], k=60))) for i in range(60)]
    kinds(page)
    assert len(page) < len(calls) < 40 * len(page)


def test_a_line_of_more_words_than_a_row_of_a_table_has_is_not_taken_apart(monkeypatch):
    calls = counted(monkeypatch, boxes.Row, "_beside")
    table = [(30 * i, text) for i, text in enumerate(FIGURES)]
    assert kinds([*table, (90, "x 1 " * 500)])[0] == "table"
    assert len(calls) == 3 * len(FIGURES)


@pytest.mark.parametrize(("most", "found"), [(10**6, 2), (30, 1)])
def test_after_so_much_work_no_more_tables_are_looked_for(monkeypatch, most, found):
    monkeypatch.setattr(tables, "MOST_WORK", most)
    page = [(30 * i, text) for i, text in enumerate(FIGURES)] + [(300, "Words between two tables.")]
    assert kinds([*page, *((500 + top, text) for top, text in page[:3])]).count("table") == found


@pytest.mark.parametrize(("most", "kind"), [(12, "table"), (11, "lines")])
def test_pages_of_too_many_words_have_no_tables(monkeypatch, most, kind):
    monkeypatch.setattr(tables, "MOST_PAGE_WORDS", most)
    assert kinds([(30 * i, text) for i, text in enumerate(FIGURES)]) == [kind]
