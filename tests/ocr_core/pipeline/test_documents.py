from __future__ import annotations

import numpy as np
import pytest
import stripes
from pdfs import LINES, document, paragraph, picture, place

from ocr_core.errors import PageTooCostlyError
from ocr_core.pages.document import SourcePage
from ocr_core.pages.opening import open_document
from ocr_core.pages.text_layer import EmbeddedLine, EmbeddedWord
from ocr_core.pipeline import ReadOptions
from ocr_core.pipeline.documents import read_page
from ocr_core.pipeline.result import Line, Page, Word

WIDTH, HEIGHT = 400, 300


def quad(left, top, right, bottom):
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def embedded(text, box, *, seen=True, garbled=False):
    words = tuple(EmbeddedWord(text=word, quad=quad(*box)) for word in text.split())
    return EmbeddedLine(text=text, quad=quad(*box), words=words, seen=seen, garbled=garbled, characters=len(text))


def source(lines=(), unread=(), **fields):
    def render(check):
        if check is not None:
            check()
        return np.full((HEIGHT, WIDTH, 3), 200, np.uint8)

    fields = {"trusted": True, **fields}
    return SourcePage(
        number=7, width=WIDTH, height=HEIGHT, dpi=150.0, render=render, lines=lines, unread=unread, **fields
    )


class Reader:
    """Reads these lines, whatever it is shown."""

    def __init__(self, *lines):
        self.lines = lines
        self.seen = []

    def __call__(self, pixels, options):
        self.seen.append(pixels)
        lines = tuple(
            Line(text=text, confidence=0.9, quad=quad(*box), words=(Word(text=text, confidence=0.9, quad=quad(*box)),))
            for text, box in self.lines
        )
        return Page(width=pixels.shape[1], height=pixels.shape[0], rotation=90, lines=lines, seconds={"det": 1.0})


def nothing_to_read(pixels, options):
    raise AssertionError("there is nothing to read")


TOP, MIDDLE, FOOT = (20, 10, 300, 30), (20, 50, 300, 70), (20, 250, 300, 270)


def test_text_that_is_trusted_is_taken_and_nothing_drawn():
    page = source([embedded("below it", MIDDLE), embedded("a title", TOP)])
    result = read_page(nothing_to_read, page, ReadOptions())
    assert (result.number, result.source, result.dpi, result.rotation) == (7, "embedded", 150.0, 0)
    assert (result.width, result.height) == (WIDTH, HEIGHT)
    assert [(line.text, line.source, line.confidence) for line in result.lines] == [
        ("a title", "embedded", 1.0),
        ("below it", "embedded", 1.0),
    ]
    assert result.lines[0].quad.tolist() == quad(*TOP).tolist()


def test_words_come_where_they_are_asked_for():
    page = source([embedded("a title", TOP)])
    assert read_page(nothing_to_read, page, ReadOptions()).lines[0].words == ()
    words = read_page(nothing_to_read, page, ReadOptions(words=True)).lines[0].words
    assert [word.text for word in words] == ["a", "title"]


@pytest.mark.parametrize(
    ("page", "text_layer", "options"),
    [
        (source(), "auto", ReadOptions()),
        (source([embedded("a title", TOP)], trusted=False), "auto", ReadOptions()),
        (source([embedded("former OCR", TOP, seen=False)]), "auto", ReadOptions()),
        (source([embedded("", TOP)]), "auto", ReadOptions()),
        (source([embedded("a title", TOP)]), "ignore", ReadOptions()),
        (source([embedded("a title", TOP)]), "auto", ReadOptions(detect=False)),
    ],
    ids=["no text", "not trusted", "invisible", "only what has no meaning", "ignored", "one line"],
)
def test_pages_without_text_of_use_are_read(page, text_layer, options):
    read = Reader(("read", MIDDLE))
    result = read_page(read, page, options, text_layer)
    assert [(line.text, line.source) for line in result.lines] == [("read", "ocr")]
    assert (result.number, result.source, result.dpi, result.rotation) == (7, "ocr", 150.0, 90)
    assert result.seconds == {"det": 1.0}
    assert [pixels.shape for pixels in read.seen] == [(HEIGHT, WIDTH, 3)]


def test_text_alone_is_taken_as_it_is():
    page = source([embedded("former OCR", TOP, seen=False), embedded("", MIDDLE, garbled=True)], trusted=False)
    result = read_page(nothing_to_read, page, ReadOptions(), "only")
    assert [line.text for line in result.lines] == ["former OCR"]
    assert read_page(nothing_to_read, source(), ReadOptions(), "only").lines == ()


def test_text_alone_that_was_left_out_is_an_error():
    with pytest.raises(PageTooCostlyError, match="page 7 is too long"):
        read_page(nothing_to_read, source(overlong=True, trusted=False), ReadOptions(), "only")


def test_text_in_pictures_is_read_and_added_in_order():
    page = source([embedded("a title", TOP), embedded("at the foot", FOOT)], [quad(100, 100, 300, 200)])
    read = Reader(("in the picture", (18, 28, 118, 48)))
    result = read_page(read, page, ReadOptions(words=True))
    assert [(line.text, line.source) for line in result.lines] == [
        ("a title", "embedded"),
        ("in the picture", "ocr"),
        ("at the foot", "embedded"),
    ]
    assert (result.source, result.rotation, result.seconds) == ("embedded", 0, {"det": 1.0})
    assert result.lines[1].quad.tolist() == quad(110, 120, 210, 140).tolist()
    assert result.lines[1].words[0].quad.tolist() == quad(110, 120, 210, 140).tolist()
    (seen,) = read.seen
    assert seen.shape == (117, 217, 3)
    assert (seen[8:-8, 8:-8] == 200).all()
    assert (seen[:8] == 255).all()


def test_between_pictures_there_is_paper():
    page = source([embedded("a title", TOP)], [quad(0, 100, 50, 150), quad(150, 100, 200, 150)])
    read = Reader()
    read_page(read, page, ReadOptions())
    (seen,) = read.seen
    assert (seen[20, 60:150] == 255).all()
    assert (seen[20, 10:50] == 200).all()


@pytest.mark.parametrize(
    ("box", "kept"),
    [((20, 50, 300, 70), False), ((15, 45, 310, 75), False), ((250, 50, 390, 70), True), ((20, 80, 300, 100), True)],
    ids=["the same", "a little larger", "mostly beside it", "below it"],
)
def test_what_is_read_twice_is_given_once(box, kept):
    page = source([embedded("in a picture", MIDDLE)], [quad(0, 0, WIDTH, HEIGHT)])
    read = Reader(("read", tuple(value + 8 for value in box)))
    result = read_page(read, page, ReadOptions())
    assert [line.text for line in result.lines if line.source == "ocr"] == ["read"] * kept


def test_what_lies_off_the_page_does_no_harm():
    lines = [embedded("a title", TOP), embedded("off", (-1e9, -1e9, 1e9, -1e8))]
    read = Reader(("read", (-500, -500, -400, -450)))
    result = read_page(read, source(lines, [quad(-1e9, 290, 1e9, 1e9)]), ReadOptions())
    assert [line.text for line in result.lines if line.source == "ocr"] == ["read"]
    assert read.seen[0].shape == (10 + 16, WIDTH + 16, 3)
    off = source(lines, [quad(WIDTH + 10, HEIGHT + 10, WIDTH + 50, HEIGHT + 50)])
    assert read_page(nothing_to_read, off, ReadOptions()).source == "embedded"


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pages_that_lie_on_their_side_are_put_in_order(rotation):
    data = document([paragraph(LINES)], page=b"/Rotate %d" % rotation)
    with open_document(data) as opened:
        result = read_page(nothing_to_read, opened.page(0), ReadOptions())
    assert [line.text for line in result.lines] == list(LINES)
    assert result.rotation == -rotation % 360


def test_the_check_reaches_the_drawing():
    def leave():
        raise TimeoutError

    with pytest.raises(TimeoutError):
        read_page(Reader(), source(), ReadOptions(), check=leave)


def test_a_scan_within_a_document_is_read_by_the_engine(engine):
    scan = stripes.blank_page(600, 400)
    stripes.draw(scan, "0123", 40, 60)
    content = paragraph(LINES) + place("X", 100, 100, 300, 200)
    data = document([content], resources=b"/XObject<</X 5000 0 R>>", objects={5000: picture(scan)})
    with open_document(data) as opened:
        result = read_page(engine.read, opened.page(0), ReadOptions())
    assert [line.text for line in result.lines] == [*LINES, "0123"]
    assert [line.source for line in result.lines] == ["embedded"] * 3 + ["ocr"]
    left, top = result.lines[3].quad[0] / result.dpi * 72
    # Half a point a pixel; the picture's upper left corner lies 542 points below that of the page.
    assert abs(left - (100 + 40 / 2)) < 4
    assert abs(top - (542 + 60 / 2)) < 4
