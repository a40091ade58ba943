"""The text that pages of PDFs carry: its lines, and whether it is seen and can be trusted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from first_pages import FORM, PARAGRAPH, drawn_outside, first_page, with_picture
from hostile_pdf import strewn_letters
from pdfs import A4, LINES, document, picture, place, stream, text

from ocr_core.errors import (
    PageTooCostlyError,
)
from ocr_core.pages.limits import Limits
from ocr_core.pages.pdf import PdfDocument
from ocr_core.pages.text_layer import LONGEST_WORD


def test_a_page_has_pixels_and_lines():
    page, pixels = first_page(document([PARAGRAPH]))
    assert [line.text for line in page.lines] == list(LINES)
    assert (page.number, page.width, page.height, round(page.dpi)) == (1, 1653, 2339, 200)
    assert pixels.shape == (2339, 1653, 3)
    assert page.trusted
    assert page.unread == ()
    assert (pixels[0] == 255).all()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90, 450])
@pytest.mark.parametrize(
    "crop", [b"", b"/CropBox[50 600 500 800]", b"/CropBox[-100 -100 400 5000]/MediaBox[10 20 600 900]"]
)
def test_lines_lie_on_their_ink(rotation, crop):
    page, pixels = first_page(document([PARAGRAPH], page=b"/Rotate %d%s" % (rotation, crop)))
    lines = {line.text: line for line in page.lines}  # PDFium has an order of its own on turned pages
    assert set(lines) == set(LINES)
    assert drawn_outside(page, pixels) == 0
    right = page.lines[0].quad[1] - page.lines[0].quad[0]
    assert round(np.degrees(np.arctan2(right[1], right[0]))) % 360 == rotation % 360
    words = lines[LINES[1]].words
    assert [word.text for word in words] == LINES[1].split()
    assert all(np.dot(b.quad[0] - a.quad[1], right) > 0 for a, b in pairwise(words))


@pytest.mark.parametrize("angle", [90, 180, 270, 30, -45])
def test_turned_text_lies_on_its_ink(angle):
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    content = b"BT /F 20 Tf %f %f %f %f 300 400 Tm (Turned by some degrees) Tj ET" % (cos, sin, -sin, cos)
    page, pixels = first_page(document([content]))
    assert [line.text for line in page.lines] == ["Turned by some degrees"]
    assert drawn_outside(page, pixels, margin=3) == 0
    right = page.lines[0].quad[1] - page.lines[0].quad[0]
    assert abs(np.degrees(np.arctan2(-right[1], right[0])) % 360 - angle % 360) < 1


def test_text_in_turned_forms_lies_on_its_ink():
    inner = stream(
        text("Within a form within a form", 0, 0, 20), FORM + b"/Matrix[0 1 -1 0 0 0]/Resources<</Font<</F 3 0 R>>>>"
    )
    outer = stream(b"q 1 0 0 1 300 100 cm /X Do Q", FORM + b"/Resources<</XObject<</X 5000 0 R>>>>")
    data = document([b"/X Do"], resources=b"/XObject<</X 5001 0 R>>", objects={5000: inner, 5001: outer})
    page, pixels = first_page(data)
    assert [line.text for line in page.lines] == ["Within a form within a form"]
    assert drawn_outside(page, pixels) == 0
    assert page.lines[0].seen


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (text("left", 72) + text("right", 300), ["left", "right"]),
        (text("one", 72, 700) + text("two", 94, 700), ["one two"]),
        (text("two", 94, 700) + text("one", 72, 700), ["one two"]),
        (b"BT /F 12 Tf 72 700 Td [(spa)-20(ced)-400(words)] TJ ET", ["spaced words"]),
        (b"BT /F 12 Tf 72 700 Td 3 Tc (input) Tj 12 0 Td ET", ["input"]),
        (b"BT /F 12 Tf 72 700 Td [(i)-200(n)-200(p)-200(u)-200(t)-800(=)-200(0)] TJ ET", ["input =0"]),
        (text("E = mc", 72, 700) + text("2", 109.7, 705, 7), ["E = mc2"]),
        (text("a", 72, 700) + text("b", 72, 690), ["a", "b"]),
        (text("outside", 72, 900) + text("inside", 72, 700), ["inside"]),
        (b"BT /F 12 Tf 72 700 Td <636f2dad> Tj ET" + text("operation", 72, 686), None),
        (b"BT /F 12 Tf 72 700 Td (\\223caf\\351\\224) Tj ET", ["“café”"]),
        (b"", []),
    ],
)
def test_how_characters_form_lines(content, lines):
    page, _ = first_page(document([content]))
    found = [line.text for line in page.lines]
    if lines is None:
        assert found[0].endswith("-")
        assert "\xad" not in found[0]
    else:
        assert found == lines


def to_unicode(mapping):
    """Return a font whose codes mean these characters."""
    pairs = b"".join(
        b"<%02x> <%s>\n" % (code, value.encode("utf-16-be").hex().encode()) for code, value in mapping.items()
    )
    cmap = b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange %d beginbfchar %s endbfchar endcmap" % (
        len(mapping),
        pairs,
    )
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding/ToUnicode 5001 0 R>>"
    return {5000: font, 5001: stream(b"/CIDInit /ProcSet findresource begin 12 dict begin " + cmap + b" end end")}


def test_ligatures_are_taken_apart_and_their_words_whole():
    data = document(
        [b"BT /G 12 Tf 72 700 Td (e1cient o2ce) Tj ET"],
        resources=b"/Font<</G 5000 0 R>>",
        objects=to_unicode({0x31: "\ufb03", 0x32: "ffi"}),
    )
    data = data.replace(b"<</Font<</F 3 0 R>>/Font<</G 5000 0 R>>>>", b"<</Font<</F 3 0 R/G 5000 0 R>>>>     ")
    page, _ = first_page(data)
    assert [line.text for line in page.lines] == ["efficient office"]
    assert [word.text for word in page.lines[0].words] == ["efficient", "office"]


@pytest.mark.parametrize(("marks", "joined"), [(1, True), (LONGEST_WORD, False)])
def test_accents_are_joined_with_their_letters_but_for_words_without_an_end(marks, joined):
    """A hundred thousand accents in the wrong order would take minutes, in which no other thread runs."""
    above, below = "\u0301" * marks, "\u0316" * marks
    content = b"BT /G 0.1 Tf 72 700 Td (e%s%s) Tj ET" % (b"1" * marks, b"2" * marks)
    objects = to_unicode({0x31: "\u0301", 0x32: "\u0316"})
    data = document([content], resources=b"/Font<</G 5000 0 R>>", objects=objects)
    data = data.replace(b"<</Font<</F 3 0 R>>/Font<</G 5000 0 R>>>>", b"<</Font<</F 3 0 R/G 5000 0 R>>>>     ")
    page, _ = first_page(data)
    assert [line.text for line in page.lines] == ["é" + below if joined else "e" + above + below]


def garbled(count):
    """Return a page of `count` lines in a font of private characters, and three that mean something."""
    lines = b"".join(b"BT /G 12 Tf 72 %d Td (nothing that can be read) Tj ET\n" % (600 - 14 * i) for i in range(count))
    codes = {code: chr(0xE000 + code) for code in range(0x20, 0x7F)}
    data = document([PARAGRAPH + lines], resources=b"/Font<</G 5000 0 R>>", objects=to_unicode(codes))
    return data.replace(b"<</Font<</F 3 0 R>>/Font<</G 5000 0 R>>>>", b"<</Font<</F 3 0 R/G 5000 0 R>>>>     ")


def test_a_font_of_private_characters_is_not_trusted():
    page, _ = first_page(garbled(10))
    assert not page.trusted
    page, _ = first_page(garbled(1))
    assert page.trusted
    assert [line.text for line in page.lines if not line.garbled] == list(LINES)
    assert [line.text for line in page.lines if line.garbled] == [""]
    assert [np.round(outline).tolist() for outline in page.unread] == [
        np.round(line.quad).tolist() for line in page.lines if line.garbled
    ]


WHITE = np.full((1000, 700), 255, np.uint8)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (place("X", 0, 0, *A4) + PARAGRAPH, True),
        (PARAGRAPH + place("X", 0, 0, *A4), False),
        (place("X", 0, 0, *A4) + b"3 Tr " + PARAGRAPH, False),
        (PARAGRAPH + place("X", 72, 100, 100, 100), True),
        (b"7 Tr " + PARAGRAPH, False),
    ],
    ids=["text on a scan", "text under a scan", "invisible text on a scan", "a small picture", "clipping text"],
)
def test_text_that_leaves_no_mark_is_told_from_text_that_does(content, seen):
    page, _ = first_page(with_picture(WHITE, content))
    assert [line.text for line in page.lines] == list(LINES)
    assert {line.seen for line in page.lines} == {seen}
    assert page.trusted == seen
    assert len(page.unread) == 1


SECRET = text("the secret words", 72, 500)
BOX = b"0 g 60 490 400 24 re f "
OFF = b"/OCProperties<</OCGs[5001 0 R]/D<</OFF[5001 0 R]>>>>"


def seen_on(content, *, size=A4):
    """Return the lines that are seen of a page, which may use a transparent state and a layer switched off."""
    data = document(
        [content],
        size=size,
        resources=b"/ExtGState<</G 5000 0 R>>/Properties<</O 5001 0 R>>",
        objects={5000: b"<</ca 0/CA 0>>", 5001: b"<</Type/OCG/Name(x)>>"},
        catalog=OFF,
    )
    page, _ = first_page(data)
    return [line.text for line in page.lines if line.seen], page


@pytest.mark.parametrize(
    "hidden",
    [
        b"1 g " + SECRET + b"0 g ",
        SECRET + BOX,
        SECRET + BOX + b"1 g " + text("(b)(6)", 90, 500) + b"0 g ",
        b"q 0 0 1 1 re W n " + SECRET + b"Q ",
        b"q /G gs " + SECRET + b"Q ",
        b"/OC /O BDC " + SECRET + b"EMC ",
        text("the secret words", 72, 500, 0.5),
        b"1 g " + SECRET + b"0 g " + text("some other words", 72, 500),
    ],
    ids=["white", "redacted", "redacted with a label", "clipped", "transparent", "off", "tiny", "under other text"],
)
def test_what_nobody_sees_is_not_seen_text(hidden):
    seen, page = seen_on(PARAGRAPH + hidden)
    assert seen[: len(LINES)] == list(LINES)
    assert seen[len(LINES) :] in ([], ["(b)(6)"], ["some other words"])
    assert page.trusted


@pytest.mark.parametrize(
    ("shown", "size"),
    [
        (BOX + b"1 g " + SECRET + b"0 g ", A4),
        (b"0.9 g " + SECRET + b"0 g ", A4),
        (b"q 70 480 300 50 re W n " + SECRET + b"Q ", A4),
        (b"1 1 0 rg 60 490 400 24 re f 0 g " + SECRET, A4),
        (SECRET + text("the secret words", 72.3, 500), A4),
        (b"q .01 0 0 .01 0 0 cm " + SECRET + b"Q ", (5.95, 8.42)),
    ],
    ids=["white on black", "light grey", "within a clip", "highlighted", "twice", "on a page of large units"],
)
def test_what_somebody_sees_is_seen_text(shown, size):
    seen, _ = seen_on(shown, size=size)
    assert seen == ["the secret words"]


def test_text_that_lies_too_deep_to_be_told_apart_is_to_be_read():
    heap = b"".join(text(f"{i} heaps of words", 72, 300) for i in range(8))
    seen, page = seen_on(PARAGRAPH + SECRET + heap)
    assert seen[:4] == [*LINES, "the secret words"]
    assert len(page.unread) == 1


def test_a_page_that_takes_too_long_to_be_looked_at_is_to_be_read(monkeypatch):
    def too_long(*_):
        raise PageTooCostlyError("too long")

    monkeypatch.setattr(PdfDocument, "_look_at", too_long)
    page, _ = first_page(document([PARAGRAPH]))
    assert [line.text for line in page.lines] == list(LINES)
    assert not page.trusted
    assert len(page.unread) == 1


def test_what_shows_through_hides_nothing():
    data = document(
        [PARAGRAPH + b"/E gs " + place("X", 0, 0, *A4)],
        resources=b"/XObject<</X 5000 0 R>>/ExtGState<</E<</BM/Multiply>>>>",
        objects={5000: picture(WHITE)},
    )
    page, _ = first_page(data)
    assert all(line.seen for line in page.lines)


def test_few_characters_do_not_speak_for_a_page():
    page, _ = first_page(document([text("Page 1 of 9")]))
    assert page.trusted
    assert [np.round(outline).tolist() for outline in page.unread] == [[[0, 0], [1653, 0], [1653, 2339], [0, 2339]]]


def test_a_layer_over_the_limit_is_left_out():
    page, _ = first_page(document([PARAGRAPH]), limits=Limits(characters=50))
    assert page.overlong
    assert page.lines == ()
    assert not page.trusted


def test_letters_strewn_over_the_page_are_no_text():
    page, _ = first_page(strewn_letters())
    assert (page.overlong, page.lines, page.trusted) == (True, (), False)
