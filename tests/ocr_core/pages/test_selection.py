from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.errors import PageSelectionError, TooManyPagesError
from ocr_core.pages.selection import select_pages


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        (None, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("3", [3]),
        ("1-5,9", [1, 2, 3, 4, 5, 9]),
        ("7-", [7, 8, 9]),
        ("-2", [1, 2]),
        (" 9 , 1 - 2 ", [1, 2, 9]),
        ("3-4,4-5,3", [3, 4, 5]),
        ("1-9", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_selections(text, pages):
    assert [index + 1 for index in select_pages(text, 9, 100)] == pages


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10", "no page 10; the file has 9 pages"),
        ("8-12", "no page 12; the file has 9 pages"),
        ("0", "no page 0"),
        ("5-3", "5-3 ends before it begins"),
        ("-", "'-' is no page"),
        ("1,,2", "'' is no page"),
        ("one", "'one' is no page and no range of pages, such as 3, 1-5, 3- or -2"),
        ("1-2-3", "'1-2-3'"),
        ("1;2", "'1;2'"),
        ("-1-2", "'-1-2'"),
        ("3-0", "3-0 ends before it begins"),
        ("12-", "no page 12; the file"),
        ("1.5", "'1.5'"),
        ("1e3", "'1e3'"),
        ("٣", "'٣'"),
        ("9" * 5_000, "at most 1000 characters"),
        ("1," * 500_000, "at most 1000 characters"),
    ],
)
def test_what_is_wrong_with_a_selection_is_said(text, message):
    with pytest.raises(PageSelectionError, match=message):
        select_pages(text, 9, 100)


def test_a_selection_takes_no_more_memory_than_its_limit():
    tracemalloc.start()
    try:
        with pytest.raises(TooManyPagesError, match="999999999 pages are asked for, at most 10 are read at a time"):
            select_pages("1-999999999", 999_999_999, 10)
        with pytest.raises(TooManyPagesError):
            select_pages(None, 999_999_999, 10)
        assert select_pages("999999990-", 999_999_999, 10)[-1] == 999_999_998
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


RANGES = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), min_size=1, max_size=8)


@given(RANGES)
def test_the_union_of_all_ranges_is_chosen_in_order(ranges):
    pages = {page for first, more in ranges for page in range(first, first + more + 1)}
    text = ",".join(f"{first}-{first + more}" for first, more in ranges)
    assert list(select_pages(text, 40, 40)) == sorted(page - 1 for page in pages)
