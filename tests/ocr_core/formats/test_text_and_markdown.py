from __future__ import annotations

import pytest
from markdown_it import MarkdownIt
from written import FAILED, PAGE, blocks_as, line, page, quad, text

from ocr_core.formats.registry import FORMATS
from ocr_core.formats.structure import laid_out
from ocr_core.layout.blocks import Block, Layout
from ocr_core.pipeline.result import Line, Page, Word

LINES = ("Title", "A para-", "graph", "• one", "and on", "2) two", "Item | 1", "Price", "9.99", "1 High St", "# 2")
BLOCKS = (
    Block(kind="heading", lines=(0,), level=2),
    Block(kind="paragraph", lines=(1, 2)),
    Block(kind="list", lines=(3, 4, 5), items=((3, 4), (5,))),
    Block(kind="table", lines=(6, 7, 8), cells=(((6,), (7,)), ((), (8,)), ((),))),
    Block(kind="lines", lines=(9, 10), items=((9,), (10,))),
)


@pytest.fixture
def composed(monkeypatch):
    blocks_as(monkeypatch, *BLOCKS)
    return page(*(line(each) for each in LINES))


def test_text_has_a_blank_line_between_blocks_and_no_hyphens_of_line_ends(composed):
    assert text("text", composed) == (
        "Title\n\nA paragraph\n\n• one and on\n2) two\n\nItem | 1\tPrice\n\t9.99\n\n\n1 High St\n# 2\n"
    )


def test_pages_of_text_are_parted_by_form_feeds_though_one_failed():
    assert text("text", page(line("one")), FAILED, page(line("three"), number=3)) == "one\n\f\fthree\n"
    assert text("text", page()) == ""
    assert text("text") == ""


def test_markdown_of_each_kind_of_block(composed):
    assert text("markdown", composed) == (
        "## Title\n\nA paragraph\n\n- one and on\n2. two\n\n"
        "| Item \\| 1 | Price |\n| --- | --- |\n|  | 9.99 |\n|  |  |\n\n1 High St\\\n\\# 2\n"
    )


def test_markdown_parts_pages_by_comments_and_says_which_failed():
    assert text("markdown", page(line("one")), FAILED, page(line("three"), number=3)) == (
        'one\n\n<!-- page 2 could not be read: broken - "so" to say; <b>& -->\n\n<!-- page 3 -->\n\nthree\n'
    )


def shown(monkeypatch, block, *texts):
    """Return the HTML that a block of lines is shown as."""
    blocks_as(monkeypatch, block)
    return MarkdownIt("gfm-like", {"linkify": False}).render(text("markdown", page(*(line(each) for each in texts))))


@pytest.mark.parametrize("title", ["INVOICE #", "Invoice ##", "C#", "#", "#######", "# #######", r"a\#"])
def test_headings_keep_the_signs_that_they_end_in(monkeypatch, title):
    assert shown(monkeypatch, Block(kind="heading", lines=(0,), level=1), title) == f"<h1>{title}</h1>\n"


def test_lines_with_bars_are_no_table(monkeypatch):
    block = Block(kind="lines", lines=(0, 1), items=((0,), (1,)))
    assert shown(monkeypatch, block, "Name | Price", "--- | ---") == "<p>Name | Price<br />\n--- | ---</p>\n"


def test_numbers_that_do_not_follow_each_other_stay_what_they_are(monkeypatch):
    block = Block(kind="list", lines=(0, 1, 2), items=((0,), (1,), (2,)))
    assert shown(monkeypatch, block, "3. a", "7. b", "12) c") == "<p>3. a<br />\n7. b<br />\n12) c</p>\n"
    assert '<ol start="3">\n<li>a</li>\n<li>b</li>' in shown(monkeypatch, block, "3. a", "4. b", "5. c")
    assert shown(monkeypatch, block, "• a", "7. b", "• c").count("<li>") == 3


def test_a_turned_page_is_laid_out_as_it_stands_upright(monkeypatch):
    seen = []

    def find(quads, texts, words, *_):
        seen.extend([*quads, *(where for each in words for _, where in each)])
        return Layout((), ())

    monkeypatch.setattr("ocr_core.formats.structure.find_blocks", find)
    on_its_side = quad(500, 500, 200, 40, -90)
    word = Word(text="up", confidence=0.9, quad=on_its_side)
    text("text", page(line("up", on_its_side, words=(word,)), rotation=90))
    assert [upright.round().tolist() for upright in seen] == [[[300, 500], [500, 500], [500, 540], [300, 540]]] * 2
    assert PAGE.rotation == 0


ROW = tuple(
    Word(text=text, confidence=confidence, quad=quad(left, 130, 50, 20))
    for text, left, confidence in (("South", 50, 0.7), ("7.10", 200, 0.8), ("99.50", 300, 1.0))
)
"""A row of three cells that was found as one line."""


def figures() -> Page:
    def row(top: float, *cells: str) -> list[Line]:
        return [line(cell, quad(50 + [0, 150, 250][i], top, 50, 20)) for i, cell in enumerate(cells)]

    one = line("South 7.10 99.50", quad(50, 130, 300, 20), words=ROW)
    return page(*row(100, "North", "6.28", "10.00"), one, *row(160, "East", "2.00", "31.00"))


def test_cells_that_were_found_as_one_line_are_written_apart():
    assert text("markdown", figures()) == (
        "| North | 6.28 | 10.00 |\n| --- | --- | --- |\n| South | 7.10 | 99.50 |\n| East | 2.00 | 31.00 |\n"
    )
    assert text("text", figures()) == "North\t6.28\t10.00\nSouth\t7.10\t99.50\nEast\t2.00\t31.00\n"


def test_a_line_is_cut_between_its_words_and_what_the_page_holds_stays():
    whole = figures()
    cut = [each for each in laid_out(whole).lines if each.quad[0][1] == 130]
    assert [(each.text, each.quad.tolist(), each.confidence) for each in cut] == [
        (word.text, word.quad.tolist(), word.confidence) for word in ROW
    ]
    assert [each.words for each in cut] == [(word,) for word in ROW]
    assert whole.lines[3].words == ROW


def test_formats_that_find_tables_ask_for_words():
    assert all(form.words for form in FORMATS.values())


def test_listings_stand_in_a_fence_that_they_do_not_end(monkeypatch):
    code = ("# no heading", "    ```", "", "a | *b*")
    blocks_as(monkeypatch, Block(kind="code", lines=(0, 1, 2), items=((0,), (1,), (2,)), code=code))
    one = page(line("# no heading"), line("```"), line("a | *b*"))
    written = text("markdown", one)
    assert written == "````\n# no heading\n    ```\n\na | *b*\n````\n"
    (fence,) = MarkdownIt("gfm-like", {"linkify": False}).parse(written)
    assert (fence.type, fence.content) == ("fence", "\n".join(code) + "\n")
    assert text("text", one) == "\n".join(code) + "\n"


def test_lists_within_items(monkeypatch):
    texts = ("9. one", "• two", "• three", "10. four", "(a) five")
    block = Block(kind="list", lines=(0, 1, 2, 3, 4), items=((0,), (1,), (2,), (3,), (4,)), depths=(0, 1, 1, 0, 1))
    assert shown(monkeypatch, block, *texts).replace("\n", "") == (
        '<ol start="9"><li>one<ul><li>two</li><li>three</li></ul></li><li>four<ul><li>(a) five</li></ul></li></ol>'
    )
    written = text("text", page(*(line(each) for each in texts)))
    assert written == "9. one\n  • two\n  • three\n10. four\n  (a) five\n"


def test_numbers_of_lists_within_items_count_by_themselves(monkeypatch):
    block = Block(kind="list", lines=(0, 1, 2, 3), items=((0,), (1,), (2,), (3,)), depths=(0, 1, 0, 1))
    assert shown(monkeypatch, block, "1. a", "1. b", "2. c", "1. d").count("<ol>") == 3
    assert "<ol" not in shown(monkeypatch, block, "1. a", "1. b", "3. c", "1. d")


def test_a_list_within_an_item_may_begin_with_any_number(monkeypatch):
    block = Block(kind="list", lines=(0, 1, 2, 3), items=((0,), (1,), (2,), (3,)), depths=(0, 1, 1, 0))
    found = shown(monkeypatch, block, "1. a", "3. b", "4. c", "2. d")
    assert found.count("<li>") == 4
    assert '<ol start="3">' in found


def test_numbered_lists_one_after_the_other_stay_apart(monkeypatch):
    lists = [Block(kind="list", lines=(i, i + 1), items=((i,), (i + 1,))) for i in (0, 2)]
    blocks_as(monkeypatch, *lists)
    written = text("markdown", page(*(line(each) for each in ("1. a", "2. b", "1. c", "2. d"))))
    assert written == "1. a\n2. b\n\n<!-- -->\n\n1. c\n2. d\n"
    assert MarkdownIt("gfm-like", {"linkify": False}).render(written).count("<ol>") == 2


def test_numbers_in_other_digits_are_no_numbers_of_markdown(monkeypatch):
    block = Block(kind="list", lines=(0, 1), items=((0,), (1,)))
    assert shown(monkeypatch, block, "\u0661. a", "\u0662. b").count("<li>") == 2


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_compounds_keep_their_hyphens_where_another_block_spells_them_out(monkeypatch, name):
    blocks_as(monkeypatch, Block(kind="paragraph", lines=(0, 1)), Block(kind="paragraph", lines=(2,)))
    assert (
        text(name, page(line("tile-"), line("based"), line("A tile-based one"))) == "tile-based\n\nA tile-based one\n"
    )
