"""Heads and feet that run along stand in the comments of the pages that Markdown has, and stay in all else."""

from __future__ import annotations

import pytest
from written import FAILED, line, page, quad, text

TEXTS = (
    ("Of the text on a page most is set", "in lines that are as wide as this", "one is, but for the last."),
    ("Another page has lines of its own,", "and none of them is a copy of any", "that was on the one before."),
    ("The third one tells what comes next,", "which nobody who reads this far", "will want to know at all."),
)


def sheet(number, *, head="", foot="", top=20, body=None):
    rows = [(head, top), *((row, 200 + 26 * i) for i, row in enumerate(body or TEXTS[number - 1])), (foot, 760)]
    lines = [line(row, quad(50, y, 10 * len(row), 20)) for row, y in rows if row]
    return page(*lines, number=number)


def lone_rows(number, *rows):
    """Return a page of rows that stand far from each other."""
    lines = (line(row, quad(50, 20 + 150 * i, 10 * len(row), 20)) for i, row in enumerate(rows))
    return page(*lines, number=number)


def comments(*pages):
    return [row for row in text("markdown", *pages).splitlines() if row.startswith("<!--")]


def test_a_head_and_the_numbers_of_pages_go_into_the_comments_from_the_second_page():
    pages = [sheet(n, head="Proceedings 1(1), 2019", foot=f"{n + 6}") for n in (1, 2, 3)]
    written = text("markdown", *pages)
    assert comments(*pages) == [f"<!-- page {n} | Proceedings 1(1), 2019 | {n + 6} -->" for n in (2, 3)]
    assert written.startswith("Proceedings 1(1), 2019\n\n")
    assert written.count("Proceedings") == 3
    assert text("text", *pages).count("Proceedings") == 3


def test_left_and_right_pages_have_heads_of_their_own():
    pages = [sheet(n, head="Left" if n % 2 else f"{n} Right", body=TEXTS[n % 3]) for n in (1, 2, 3, 4, 5)]
    assert comments(*pages) == [
        "<!-- page 2 -->",
        "<!-- page 3 | Left -->",
        "<!-- page 4 | 4 Right -->",
        "<!-- page 5 | Left -->",
    ]


@pytest.mark.parametrize(
    ("first", "second"), [("iii", "iv"), ("viii", "ix"), ("Page 9", "Page 10"), ("- 1 -", "- 2 -")]
)
def test_numbers_of_pages_are_known_however_they_are_written(first, second):
    assert comments(sheet(1, foot=first), sheet(2, foot=second)) == [f"<!-- page 2 | {second} -->"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("7", "7"),
        ("7", "9"),
        ("12.50", "13.50"),
        ("Total", "Sum"),
        ("Invoice No. 4711", "Invoice No. 4822"),
        ("Invoice No. 4711", "Invoice No. 4712"),
        ("Total: 14133.50 EUR", "Total: 14466.50 EUR"),
        ("Total: 12.50 EUR", "Total: 13.50 EUR"),
        ("Total: $12", "Total: $13"),
        ("Taken on 2024-05-03", "Taken on 2024-05-04"),
        ("Row 5, Seat 6", "Row 6, Seat 7"),
    ],
)
def test_what_does_not_count_pages_stays(first, second):
    assert comments(sheet(1, foot=first), sheet(2, foot=second)) == ["<!-- page 2 -->"]


def test_the_same_words_at_another_place_stay():
    assert comments(sheet(1, head="Proceedings"), sheet(2, head="Proceedings", top=60)) == ["<!-- page 2 -->"]


def test_copies_of_one_form_keep_all_that_they_say():
    body = ("Name of the guest", "Nights and rooms", "To be paid in advance")
    pages = [sheet(n, head="Hotel of the Lake", foot=f"{n}", body=body) for n in (1, 2)]
    assert comments(*pages) == ["<!-- page 2 -->"]


def test_pages_that_failed_lie_between():
    pages = [sheet(1, head="Proceedings"), FAILED, sheet(3, head="Proceedings")]
    assert comments(*pages)[-1] == "<!-- page 3 | Proceedings -->"


def test_a_page_with_nothing_else_keeps_it():
    lone = [page(line("Proceedings", quad(50, 20, 110, 20)), number=n) for n in (1, 2)]
    assert comments(*lone) == ["<!-- page 2 -->"]


def test_a_number_that_counts_pages_may_stand_among_others():
    pages = sheet(1, foot="Report of 2019, page 9 of 12"), sheet(2, foot="Report of 2019, page 10 of 12")
    assert comments(*pages) == ["<!-- page 2 | Report of 2019, page 10 of 12 -->"]


LABELS = [("Property of the City Library", f"Shelf {n}", "Do not remove") for n in (12, 13)]
TICKETS = [("The Magic Flute, in three acts", f"Row 5, Seat {n}", "Not to be sold again") for n in (17, 18)]


@pytest.mark.parametrize("rows", [LABELS, TICKETS, [("Handle with care", "This side up")] * 2])
def test_pages_of_a_few_rows_keep_them(rows):
    assert comments(*(lone_rows(n, *each) for n, each in enumerate(rows, start=1))) == ["<!-- page 2 -->"]


def test_half_of_the_words_stay_at_least():
    bodies = ("one", "two", "three", "four"), ("five", "six", "seven", "eight")
    head = "Some words of a title"
    assert comments(*(lone_rows(n, head, *body) for n, body in enumerate(bodies, start=1))) == ["<!-- page 2 -->"]
    longer = [[f"{word} and so on" for word in body] for body in bodies]
    written = comments(*(lone_rows(n, head, *body) for n, body in enumerate(longer, start=1)))
    assert written == [f"<!-- page 2 | {head} -->"]
