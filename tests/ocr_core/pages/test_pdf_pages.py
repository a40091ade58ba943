"""PDFs as documents: how pages are drawn, what opens, and what is no PDF."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest
from encrypted_pdf import encrypted
from first_pages import PARAGRAPH, drawn_outside, first_page, with_picture
from hostile_pdf import many_pictures
from pdfs import A4, LINES, document, paragraph, place, stream, text

from ocr_core.errors import (
    DamagedDocumentError,
    PasswordRequiredError,
    UnsupportedImageError,
    WrongPasswordError,
)
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import is_document, open_document


@pytest.mark.parametrize(
    ("size", "pixels", "content", "expected"),
    [
        (A4, (1240, 1754), place("X", 0, 0, *A4), (1240, 1754)),
        (A4, (2480, 3508), place("X", 0, 0, *A4), (2479, 3508)),
        (A4, (4960, 7016), place("X", 0, 0, *A4), (2479, 3508)),
        (A4, (595, 842), place("X", 0, 0, *A4), (707, 1000)),
        (A4, (2480, 3508), place("X", 0, 0, 100, 100), (1653, 2339)),
        (A4, None, PARAGRAPH, (1653, 2339)),
        (A4, None, text("small print", size=4), (2479, 3508)),
        ((59.5, 84.2), None, text("a page of tenths of inches", 5, 50, 1), (1120, 1585)),
        ((10_000, 100), None, PARAGRAPH, (27778, 278)),
        ((720_000, 720_000), None, PARAGRAPH, (7064, 7064)),
        ((14_400, 1), None, b"", (32_000, 2)),
    ],
    ids=[
        *("scan of 150 dpi", "scan of 300 dpi", "scan of 600 dpi", "scan of 72 dpi", "a small picture"),
        *("text", "small text", "a large unit", "a banner", "10,000 inches", "a thread"),
    ],
)
def test_how_large_a_page_is_drawn(size, pixels, content, expected):
    if pixels is None:
        data = document([content], size=size)
    else:
        data = with_picture(np.full(pixels[::-1], 255, np.uint8), content, size=size)
    page, image = first_page(data)
    assert np.allclose((page.width, page.height), expected, atol=2)
    assert image.shape == (page.height, page.width, 3)
    assert page.width * page.height <= Limits().pixels
    assert np.isclose(page.dpi, page.width / size[0] * 72, rtol=1e-2)


def test_no_page_has_more_pixels_than_the_limit():
    page, pixels = first_page(document([PARAGRAPH]), limits=Limits(pixels=10_000))
    assert page.width * page.height <= 10_000
    assert pixels.shape == (page.height, page.width, 3)
    assert [line.text for line in page.lines] == list(LINES)
    assert page.lines[0].quad[:, 0].max() <= page.width


@pytest.mark.parametrize(
    ("content", "colour"),
    [
        (b"0 g 0 0 595 842 re f", (0, 0, 0)),
        (b"1 0 0 rg 0 0 595 842 re f", (0, 0, 255)),
        (b"0 0 0 1 k 0 0 595 842 re f", (0, 0, 0)),
        (b"1 0 0 0 k 0 0 595 842 re f", (255, 255, 0)),
        (b"", (255, 255, 255)),
    ],
    ids=["grey", "RGB", "CMYK black", "CMYK cyan", "paper"],
)
def test_colours(content, colour):
    _, pixels = first_page(document([content]))
    assert np.abs(pixels[1000, 800].astype(int) - colour).max() < 90


def test_pictures_of_grey_and_cmyk():
    grey = with_picture(np.full((50, 50), 77, np.uint8), place("X", 0, 0, *A4))
    assert (first_page(grey)[1][500, 300] == 77).all()
    cmyk = np.zeros((50, 50, 4), np.uint8)
    cmyk[..., 3] = 255
    image = stream(
        cmyk.tobytes(), b"/Type/XObject/Subtype/Image/Width 50/Height 50/BitsPerComponent 8/ColorSpace/DeviceCMYK"
    )
    data = document([place("X", 0, 0, *A4)], resources=b"/XObject<</X 5000 0 R>>", objects={5000: image})
    assert first_page(data)[1][500, 300].max() < 60


def form_field(flags=4):
    """Return a page with a form field whose value is drawn."""
    look = stream(
        b"BT /F 12 Tf 2 4 Td (Field value) Tj ET",
        b"/Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F 3 0 R>>>>",
    )
    field = (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Field value)/Rect[300 300 500 320]/F %d/AP<</N 5001 0 R>>>>"
        % flags
    )
    return document(
        [PARAGRAPH],
        page=b"/Annots[5000 0 R]",
        catalog=b"/AcroForm<</Fields[5000 0 R]/DR<</Font<</F 3 0 R>>>>>>",
        objects={5000: field, 5001: look},
    )


def test_values_of_form_fields_are_drawn_and_to_be_read():
    page, pixels = first_page(form_field())
    scale = page.dpi / 72
    assert [np.round(outline / scale).tolist() for outline in page.unread] == [
        [[300, 522], [500, 522], [500, 542], [300, 542]]
    ]
    left, top, right, bottom = (int(v * scale) for v in (300, 522, 500, 542))
    assert (pixels[top:bottom, left:right].min(axis=2) < 128).sum() > 100


def test_hidden_annotations_are_not_to_be_read():
    page, _ = first_page(form_field(flags=2))
    assert page.unread == ()


@pytest.mark.parametrize(
    ("password", "error"), [(None, PasswordRequiredError), ("", PasswordRequiredError), ("wrong", WrongPasswordError)]
)
def test_encrypted_files_ask_for_their_password(password, error):
    with pytest.raises(error) as caught:
        open_document(encrypted(b"secret"), password=password)
    assert "secret" not in str(caught.value)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("key", "password"), [(b"secret", "secret"), (b"", None), ("Straße".encode("latin-1"), "Straße")]
)
def test_the_right_password_opens(key, password):
    page, _ = first_page(encrypted(key), password=password)
    assert [line.text for line in page.lines] == list(LINES)


def test_a_password_that_is_not_asked_for_does_no_harm():
    assert first_page(document([PARAGRAPH]), password="secret")[0].number == 1


def test_of_thousands_of_pictures_some_are_looked_at():
    with open_document(many_pictures()) as opened:
        page = opened.page(0)
    assert not any(line.seen for line in page.lines)
    assert len(page.unread) == 1


def test_a_scan_in_strips_is_drawn_in_their_pixels():
    strips = b"".join(place("X", 0, 84.2 * i, 595, 84.2) for i in range(10))
    page, _ = first_page(with_picture(np.full((175, 1240), 255, np.uint8), strips))
    assert np.allclose((page.width, page.height), (1240, 1754), atol=5)


def test_pages_come_in_any_order_and_more_than_once():
    contents = [paragraph([f"This is page {i} of the document and it says so"]) for i in range(5)]
    with open_document(document(contents)) as opened:
        assert len(opened) == 5
        for i in (4, 0, 2, 2):
            assert opened.page(i).lines[0].text == f"This is page {i} of the document and it says so"
            assert opened.page(i).number == i + 1


def test_a_crop_box_off_the_paper_crops_nothing():
    page, pixels = first_page(document([PARAGRAPH], page=b"/CropBox[1000 1000 2000 2000]"))
    assert [line.text for line in page.lines if line.seen] == list(LINES)
    assert (page.width, page.height) == (1653, 2339)
    assert drawn_outside(page, pixels) == 0


@pytest.mark.parametrize("form", [".jpg", ".png"])
def test_an_image_that_names_a_pdf_is_an_image(form):
    data = cv2.imencode(form, np.full((20, 30, 3), 200, np.uint8))[1].tobytes()
    comment = b"%PDF-1.7 made of this"
    if form == ".jpg":
        data = data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]
    else:
        chunk = b"tEXt" + b"Title\0" + comment
        data = (
            data[:33] + (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]
        )
    assert not is_document(data)
    page, pixels = first_page(data)
    assert (page.width, page.height) == (30, 20)
    assert pixels.shape == (20, 30, 3)


def test_what_stands_before_the_signature_does_no_harm():
    assert first_page(b"\r\n\0junk" + document([PARAGRAPH]))[0].lines[0].text == LINES[0]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"%PDF-1.7\n", DamagedDocumentError),
        (b"%PDF-", DamagedDocumentError),
        (bytes(2000) + b"%PDF-1.7", UnsupportedImageError),
    ],
)
def test_files_that_are_none(data, error):
    with pytest.raises(error):
        open_document(data)
