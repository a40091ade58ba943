"""The pipeline as a library, with the shipped model."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from encrypted_pdf import encrypted
from pdfs import LINES, document, paragraph
from pictures import encode

import ocr_core
from ocr_core.errors import ImageTooLargeError, TooManyPagesError, UnsupportedImageError, WrongPasswordError
from ocr_core.pages.limits import Limits
from ocr_core.pages.pdf import PdfDocument

RECEIPT = Path(__file__).parents[2] / "examples/receipt.jpg"
PAGES = [
    paragraph([f"This is page {number} of a document,", "which carries its text, and enough of it to be taken."])
    for number in (1, 2, 3)
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    with ocr_core.load(cache_dir=tmp_path_factory.mktemp("cache")) as loaded:
        yield loaded


def test_whatever_a_page_comes_in_it_reads_the_same(reader):
    page = reader.read(RECEIPT)
    assert page.text.startswith("THE CORNER BAKERY\n12 Station Road\n")
    data = RECEIPT.read_bytes()
    sources = [str(RECEIPT), data, cv2.imread(str(RECEIPT)), PIL.Image.open(RECEIPT)]
    assert [reader.read(source).text for source in sources] == [page.text] * len(sources)
    grey = reader.read(cv2.imread(str(RECEIPT), cv2.IMREAD_GRAYSCALE))
    assert grey.text.startswith("THE CORNER BAKERY\n")


def test_pictures_are_turned_by_exif(reader):
    sideways = PIL.Image.open(RECEIPT).transpose(PIL.Image.Transpose.ROTATE_90)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise when shown
    data = encode(sideways, "PNG", exif=exif)
    for source in (data, PIL.Image.open(io.BytesIO(data))):
        page = reader.read(source)
        assert (page.width, page.height, page.rotation) == (660, 720, 0)


def test_options_are_those_of_the_call(reader):
    assert not reader.read(RECEIPT).lines[0].words
    words = reader.read(RECEIPT, ocr_core.ReadOptions(words=True)).lines[0].words
    assert [word.text for word in words] == ["THE", "CORNER", "BAKERY"]


def test_documents_are_read_page_by_page(reader, tmp_path):
    path = tmp_path / "paper.pdf"
    path.write_bytes(document(PAGES))
    found = [(page.number, page.lines[0].text) for page in reader.read_document(path)]
    assert found == [(number, f"This is page {number} of a document,") for number in (1, 2, 3)]
    assert [page.number for page in reader.read_document(path, pages="3,-1")] == [1, 3]
    assert reader.read(document(PAGES[:1])).source == "embedded"


@pytest.mark.parametrize(("choice", "looks"), [("auto", 1), ("ignore", 0), ("only", 0)])
def test_what_text_is_seen_is_looked_for_where_that_matters(reader, monkeypatch, choice, looks):
    found = []
    look_at = PdfDocument._look_at
    monkeypatch.setattr(PdfDocument, "_look_at", lambda *arguments: found.append(1) or look_at(*arguments))
    (page,) = reader.read_document(document(PAGES[:1]), text_layer=choice)
    assert page.lines[0].text.startswith("This is page")
    assert len(found) == looks


def test_a_file_of_several_pages_is_not_cut_to_its_first(reader):
    with pytest.raises(TooManyPagesError, match="3 pages: use read_document"):
        reader.read(document(PAGES))


def test_one_page_that_fails_leaves_the_others_to_who_wants_them(reader):
    broken = document(PAGES).replace(b"12 0 obj\n<</Type/Page", b"12 0 obj\n[</Type/Page")
    pages = reader.read_document(broken)
    assert next(pages).number == 1
    with pytest.raises(ocr_core.OcrError, match="page 2 is damaged"):
        next(pages)
    failed = []
    pages = reader.read_document(broken, on_error=lambda number, error: failed.append((number, error.code)))
    assert [page.number for page in pages] == [1, 3]
    assert failed == [(2, "unreadable_page")]


def test_passwords(reader):
    (page,) = reader.read_document(encrypted(b"secret"), password="secret")
    assert page.lines[0].text == LINES[0]
    with pytest.raises(WrongPasswordError):
        next(reader.read_document(encrypted(b"secret"), password="no"))


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros(4, np.uint8)],
)
def test_arrays_that_are_no_pictures_are_refused(reader, pixels):
    with pytest.raises(ocr_core.OcrError, match="an array must be"):
        reader.read(pixels)


def test_files_that_are_none_are_refused(reader, tmp_path):
    with pytest.raises(FileNotFoundError):
        reader.read(tmp_path / "absent.jpg")
    with pytest.raises(UnsupportedImageError):
        reader.read(b"no picture")
    small = ocr_core.Reader(reader.engine, limits=Limits(pixels=100))
    with pytest.raises(ImageTooLargeError):
        small.read(RECEIPT)


def test_the_package_itself_needs_next_to_nothing():
    script = (
        "import sys, ocr_core; print([name for name in ('numpy', 'cv2', 'PIL', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_of_the_package_is_there():
    assert {name for name in ocr_core.__all__ if getattr(ocr_core, name, None) is None} == set()
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        ocr_core.lod  # noqa: B018
