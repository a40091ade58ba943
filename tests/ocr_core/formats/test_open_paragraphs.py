"""A paragraph that goes on with the next page is one in Markdown, and nothing is lost where it does not."""

from __future__ import annotations

import pytest
from written import FAILED, ORIGINAL, line, page, quad, write

from ocr_core.formats.registry import FORMATS

OPEN = ("Of the text on a page most goes on to the very end of its last line, as it is with com-",)
REST = ("puters that read on, where the next page begins, what follows from it.",)
WHOLE = "Of the text on a page most goes on to the very end of its last line, as it is with computers that read on,"


def sheet(number, *texts):
    return page(*(line(text, quad(20, 60 + 100 * i, 6 * len(text), 12)) for i, text in enumerate(texts)), number=number)


def markdown(*pages):
    return write("markdown", *pages).decode()


def test_it_stands_before_the_comment_of_the_page_that_it_goes_on_with():
    written = markdown(sheet(1, *OPEN), sheet(2, *REST, "Another paragraph."))
    assert (
        written
        == f"{WHOLE} where the next page begins, what follows from it.\n\n<!-- page 2 -->\n\nAnother paragraph.\n"
    )


def test_notes_and_the_number_of_the_page_come_behind():
    written = markdown(sheet(1, *OPEN, "1A note of the page", "7"), sheet(2, *REST))
    assert written.startswith(WHOLE)
    assert written.endswith("follows from it.\n\n1A note of the page\n\n7\n\n<!-- page 2 -->\n")


@pytest.mark.parametrize("after", [(), ("Another one begins with this page here",), ("too short",)])
def test_else_nothing_is_lost(after):
    written = markdown(sheet(1, *OPEN), sheet(2, *after))
    assert written == "".join([f"{OPEN[0]}\n\n<!-- page 2 -->\n", *(f"\n{text}\n" for text in after)])


def test_the_last_one_of_all_is_written_and_one_before_a_page_that_failed():
    assert markdown(sheet(1, *OPEN)) == f"{OPEN[0]}\n"
    assert markdown(sheet(1, *OPEN), FAILED).startswith(f"{OPEN[0]}\n\n<!-- page 2 could not be read")


def test_all_else_of_a_page_is_written_at_once():
    writer = FORMATS["markdown"].new_writer()
    assert writer.page(ORIGINAL, sheet(1, "A first paragraph.", *OPEN)) == b"A first paragraph.\n"
    assert b"".join(writer.end()).decode() == f"\n{OPEN[0]}\n"


@pytest.mark.parametrize("numbers", [(1, 5), (5, 1), (2, 2)])
def test_pages_that_do_not_follow_each_other_are_not_joined(numbers):
    first, second = numbers
    written = markdown(sheet(first, *OPEN), sheet(second, *REST))
    assert written == f"{OPEN[0]}\n\n<!-- page {second} -->\n\n{REST[0]}\n"
