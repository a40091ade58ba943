"""Searchable PDFs of drawn pages, as pdfium sees them and finds text in them."""

from __future__ import annotations

import io
import shutil
import subprocess
import zlib

import numpy as np
import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name
from written import FAILED, line, page, quad, write

from ocr_core.child.wire import PIECE
from ocr_core.errors import ImageError
from ocr_core.formats.base import Original
from ocr_core.formats.qpdf.assembly import LARGEST, Source, save
from ocr_core.formats.qpdf.hidden_text import LARGEST as LARGEST_CONTENT
from ocr_core.formats.registry import FORMATS
from ocr_core.formats.searchable_pdf import IN_MEMORY
from ocr_core.pipeline.result import Line, Page, Word

MARK = (100.0, 250.0, 220.0, 262.0)
"""Left, bottom, right and top of the black bar on drawn pages, in units of the page."""


def drawn(pages: int = 1, *, content: bytes = b"", **attributes: object) -> pikepdf.Pdf:
    """Return a document of pages with a black bar each, and a grey one as many units high as the page's number."""
    pdf = pikepdf.new()
    left, bottom, right, top = MARK
    for number in range(1, pages + 1):
        bars = f"q 0 g {left} {bottom} {right - left} {top - bottom} re f 0.5 g 20 20 9 {number} re f Q ".encode()
        dictionary = Dictionary(
            Type=Name.Page, MediaBox=Array([0, 0, 300, 400]), Contents=pdf.make_stream(bars + content)
        )
        for key, value in attributes.items():
            dictionary[f"/{key}"] = value
        pdf.pages.append(pikepdf.Page(dictionary))
    return pdf


def saved(pdf: pikepdf.Pdf, **options: object) -> bytes:
    with io.BytesIO() as file:
        pdf.save(file, **options)
        return file.getvalue()


def render(data: bytes, index: int = 0, scale: float = 2, password: str | None = None) -> np.ndarray:
    """Return a page as H×W×3."""
    with pypdfium2.PdfDocument(data, password=password) as document:
        return document[index].render(scale=scale).to_numpy().copy()


def read_mark(data: bytes, text: str = "MARK", index: int = 0) -> Page:
    """Return the page as an engine that reads the black bar would."""
    pixels = render(data, index)
    y, x = np.nonzero(pixels.max(axis=2) < 40)
    assert len(x)
    box = quad(x.min(), y.min(), x.max() + 1 - x.min(), y.max() + 1 - y.min())
    height, width = pixels.shape[:2]
    return Page(width=width, height=height, rotation=0, lines=(line(text, box),), number=index + 1)


def searchable(data: bytes, *pages: object, password: str | None = None) -> bytes:
    return write("pdf", *pages, original=Original(name="a.pdf", data=data, password=password))


def texts(data: bytes, password: str | None = None) -> list[str]:
    with pypdfium2.PdfDocument(data, password=password) as document:
        return [each.get_textpage().get_text_range() for each in document]


def boxes(data: bytes, index: int = 0) -> dict[str, tuple[float, ...]]:
    """Return left, bottom, right and top of each word, in units of the page."""
    with pypdfium2.PdfDocument(data) as document:
        found = document[index].get_textpage()
        every = [(found.get_text_range(i, 1), found.get_charbox(i)) for i in range(found.count_chars())]
    words: list[list[tuple[str, tuple[float, ...]]]] = [[]]
    for character, box in every:
        if character.isspace():
            words.append([])
        else:
            words[-1].append((character, box))
    return {
        "".join(character for character, _ in word): tuple(
            pick(box[i] for _, box in word) for i, pick in enumerate((min, min, max, max))
        )
        for word in words
        if word
    }


VIEWS = {
    "plain": {},
    "turned": {"Rotate": 90},
    "upside down": {"Rotate": 180},
    "turned back": {"Rotate": -90},
    "cropped": {"CropBox": Array([50, 100, 280, 390])},
    "cropped and turned": {"CropBox": Array([50, 100, 280, 390]), "Rotate": 270},
    "crop box beyond the paper": {"CropBox": Array([-100, -100, 290, 1000])},
    "corners the other way round": {"MediaBox": Array([300, 400, 0, 0])},
    "origin elsewhere": {"MediaBox": Array([-100, 50, 280, 700])},
    "large unit": {"UserUnit": 2},
    "no sense": {"Rotate": Name.Ninety, "CropBox": Array([1, 2])},
}


@pytest.mark.parametrize("attributes", VIEWS.values(), ids=VIEWS)
def test_words_lie_on_what_is_seen_and_nothing_looks_different(attributes):
    data = saved(drawn(**attributes))
    written = searchable(data, read_mark(data))
    # pdfium rounds the height of characters up to a 64th, and on turned pages here the bar's length is their height.
    assert boxes(written)["MARK"] == pytest.approx(MARK, abs=0.6 + (MARK[2] - MARK[0]) / 64)
    assert (render(written) == render(data)).all()


def test_the_state_that_content_leaves_behind_moves_no_text():
    data = saved(drawn(content=b"q q 5 0 0 5 70 70 cm 50 Tz 7 Tr Q"))
    assert boxes(searchable(data, read_mark(data)))["MARK"] == pytest.approx(MARK, abs=0.6)


def test_slanted_words_lie_on_their_lines():
    slanted = line("one two", quad(100, 300, 240, 30, 10))
    data = saved(drawn())
    found = boxes(searchable(data, Page(width=600, height=800, rotation=0, lines=(slanted,))))
    corners = quad(100, 300, 240, 30, 10) / 2
    expected = corners[:, 0].min(), 400 - corners[:, 1].max(), corners[:, 0].max(), 400 - corners[:, 1].min()
    together = [pick(box[i] for box in found.values()) for i, pick in enumerate((min, min, max, max))]
    assert list(found) == ["one", "two"]
    assert together == pytest.approx(expected, abs=0.6)


def test_what_pages_share_is_not_changed_for_others():
    pdf = drawn(3)
    pdf.Root.Pages.Resources = pdf.make_indirect(Dictionary(Font=Dictionary(Kept=Dictionary(Type=Name.Font))))
    for each in pdf.pages:
        if Name.Resources in each.obj:
            del each.obj.Resources
        each.obj.Contents = pdf.pages[0].obj.Contents
    data = saved(pdf)
    written = searchable(data, read_mark(data, "one"), FAILED, read_mark(data, "three", 2))
    assert [each.strip() for each in texts(written)] == ["one", "", "three"]
    with pikepdf.open(io.BytesIO(written)) as result:
        fonts = [set(each.resources.Font.keys()) for each in result.pages]
    assert fonts == [{"/Kept", "/OcrText"}, {"/Kept"}, {"/Kept", "/OcrText"}]


def test_text_is_found_and_copied_as_people_write_it():
    touching = tuple(
        Word(text=text, confidence=1, quad=quad(100 + 50 * i, 100, 50, 30))
        for i, text in enumerate(("an", "oﬃce", "x"))
    )
    lines = (
        line("an oﬃce x", quad(100, 100, 150, 30), words=touching),
        line("e\u0301t\u00e9 שלום 12", quad(100, 200, 400, 30)),
        line("(a) b\\c <d>", quad(100, 300, 400, 30)),
    )
    written = searchable(saved(drawn()), page(*lines))
    assert texts(written)[0].split() == ["an", "office", "x", "été", "שלום", "12", "(a)", "b\\c", "<d>"]
    with pypdfium2.PdfDocument(written) as document:
        found = document[0].get_textpage()
        assert all(found.search(text).get_next() for text in ("an office x", "OFFICE", "שלום", "b\\c <d>"))


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler's pdftotext")
def test_poppler_finds_the_same_words_in_the_same_places(tmp_path):
    data = saved(drawn())
    path = tmp_path / "written.pdf"
    path.write_bytes(searchable(data, page(line("an \U0001f600 oﬃce, שלום", quad(100, 100, 400, 30)))))
    plain = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True).stdout.decode()
    assert [word.strip("\u202a\u202b\u202c") for word in plain.split()] == ["an", "\U0001f600", "office,", "שלום"]
    placed = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True, check=True).stdout.decode()
    assert 'xMin="50.000000" yMin="50.000000"' in placed


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler's pdftotext")
@pytest.mark.parametrize("degrees", [-4, -2, 1, 3, 88, 92, 178, 268])
def test_poppler_breaks_no_word_of_a_line_that_rises_a_little(tmp_path, degrees):
    path = tmp_path / "written.pdf"
    path.write_bytes(searchable(saved(drawn()), page(line("No. 004711", quad(300, 400, 200, 24, degrees)))))
    plain = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True).stdout.decode()
    assert sorted(plain.split()) == ["004711", "No."]


def test_text_that_the_file_carries_is_not_written_again():
    data = saved(drawn())
    embedded = Line(text="carried", confidence=1, quad=quad(10, 10, 50, 20), source="embedded")
    written = searchable(data, page(embedded, line("read")))
    assert texts(written)[0].split() == ["read"]
    assert searchable(data, page(embedded)) != written


def test_the_font_of_an_earlier_text_layer_keeps_its_name():
    data = saved(drawn())
    seen = Line(text="kept", confidence=1, quad=quad(300, 300, 50, 20))
    once = searchable(data, page(seen))
    kept = Page(width=600, height=800, rotation=0, lines=(line("more"),), source="embedded")
    assert sorted(texts(searchable(once, kept))[0].split()) == ["kept", "more"]


HIDDEN = b" q BT /F 10 Tf 3 Tr 10 100 Td (old) Tj ET Q BT /F 10 Tf 10 150 Td (seen) Tj ET "


def with_text(content: bytes, **resources: object) -> pikepdf.Pdf:
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    return drawn(content=content, Resources=Dictionary(Font=Dictionary(F=font), **resources))


def test_invisible_text_of_before_gives_way():
    data = saved(with_text(HIDDEN))
    assert texts(data)[0].split() == ["old", "seen"]
    written = searchable(data, read_mark(data, "new"))
    assert sorted(texts(written)[0].split()) == ["new", "seen"]
    assert (render(written) == render(data)).all()


def test_invisible_text_of_before_gives_way_in_forms_too():
    pdf = with_text(b" /Fm Do ")
    form = pdf.make_stream(HIDDEN, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 300, 400]))
    form.Resources = pdf.pages[0].obj.Resources
    pdf.pages[0].obj.Resources = Dictionary(XObject=Dictionary(Fm=form))
    data = saved(pdf)
    assert texts(data)[0].split() == ["old", "seen"]
    written = searchable(data, read_mark(data, "new"))
    assert sorted(texts(written)[0].split()) == ["new", "seen"]
    assert (render(written) == render(data)).all()


@pytest.mark.filterwarnings("ignore:Unexpected end of stream")
def test_content_that_cannot_be_parsed_stays_as_it_is():
    data = saved(with_text(HIDDEN + b" x Tr (a Tj >> "))
    written = searchable(data, read_mark(data, "new"))
    assert "new" in texts(written)[0].split()
    assert (render(written) == render(data)).all()


@pytest.mark.parametrize("size", [LARGEST_CONTENT, LARGEST], ids=["long", "a bomb"])
def test_content_too_long_to_be_looked_through_stays_packed(size):
    pdf = with_text(HIDDEN)
    packed = zlib.compress(pdf.pages[0].Contents.read_bytes() + b" " * size, 9)
    pdf.pages[0].obj.Contents = pdf.make_stream(packed, Filter=Name.FlateDecode)
    data = saved(pdf, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    with pikepdf.open(io.BytesIO(searchable(data, read_mark(saved(with_text(HIDDEN)), "new")))) as written:
        assert packed in [each.read_raw_bytes() for each in written.pages[0].Contents]


@pytest.mark.parametrize("packing", ["/FlateDecode", "/LZWDecode", "two"])
def test_forms_are_not_unpacked_beyond_what_is_looked_through(monkeypatch, packing):
    """Hundreds of small forms that unpack to gigabytes, on each of a thousand pages, would take hours."""
    pdf = with_text(b" ".join(b"/Fm%d Do" % i for i in range(3)))
    bomb = zlib.compress(HIDDEN + b" " * LARGEST, 9)
    bomb, filters = {
        "/FlateDecode": (bomb, Name.FlateDecode),
        "/LZWDecode": (b"\x80" + bytes(LARGEST_CONTENT), Name.LZWDecode),
        "two": (zlib.compress(bomb), Array([Name.FlateDecode, Name.FlateDecode])),
    }[packing]
    attributes = {"Type": Name.XObject, "Subtype": Name.Form, "BBox": Array([0, 0, 300, 400]), "Filter": filters}
    forms = {f"/Fm{i}": pdf.make_stream(bomb, **attributes) for i in range(3)}
    pdf.pages[0].obj.Resources.XObject = Dictionary(forms)
    data = saved(pdf, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    unpacked = []
    read = pikepdf.Object.read_bytes
    monkeypatch.setattr(pikepdf.Object, "read_bytes", lambda form: unpacked.append(form) or read(form))
    source = Source.opened(data)
    source.lay(0, zlib.compress(b""), "/OcrText", anew=True)
    assert not unpacked
    written = io.BytesIO()
    save([(source, 0)], written)
    with pikepdf.open(written) as found:
        kept = found.pages[0].Resources.XObject
        assert [kept[name].read_raw_bytes() for name in sorted(forms)] == [bomb] * 3


def test_all_pages_keep_the_outline_and_chosen_ones_nothing_of_the_others():
    pdf = drawn(3)
    pdf.docinfo["/Title"] = "Kept"
    with pdf.open_outline() as outline:
        outline.root.append(pikepdf.OutlineItem("Page 3", 2))
    data = saved(pdf)
    pages = [read_mark(data, f"text{index}", index) for index in range(3)]
    with pikepdf.open(io.BytesIO(searchable(data, *pages))) as whole:
        assert whole.docinfo["/Title"] == "Kept"
        with whole.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Page 3"]
    part = searchable(data, pages[2], pages[0])
    assert [each.strip() for each in texts(part)] == ["text2", "text0"]
    assert (render(part, 0) == render(data, 2)).all()
    with pikepdf.open(io.BytesIO(part)) as chosen:
        streams = [each.read_bytes() for each in chosen.objects if isinstance(each, pikepdf.Stream)]
    assert any(b"20 20 9 3 re" in stream for stream in streams)
    assert not any(b"20 20 9 2 re" in stream for stream in streams)


@pytest.mark.parametrize("pages", [(0, 1), (1,)], ids=["all pages", "one of them"])
def test_what_a_password_opens_stays_closed_without_it(pages):
    plain = saved(drawn(2))
    secret = saved(drawn(2), encryption=pikepdf.Encryption(user="open", owner="own", R=6))
    written = searchable(secret, *(read_mark(plain, index=index) for index in pages), password="open")
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(io.BytesIO(written))
    assert [each.strip() for each in texts(written, "open")] == ["MARK"] * len(pages)
    assert (render(written, password="open") == render(plain, pages[0])).all()


def test_a_page_that_failed_stays_as_it_came():
    data = saved(drawn(2))
    written = searchable(data, read_mark(data), FAILED)
    assert [each.strip() for each in texts(written)] == ["MARK", ""]
    assert (render(written, 1) == render(data, 1)).all()


def test_several_files_become_one():
    one, other = (Original(name="x", data=saved(drawn(count))) for count in (1, 2))
    writer = FORMATS["pdf"].new_writer()
    writer.page(one, read_mark(one.data, "first"))
    writer.page(other, read_mark(other.data, "second"))
    writer.page(other, read_mark(other.data, "third", 1))
    writer.page(Original(name="broken.png", data=b"broken"), FAILED)
    assert [each.strip() for each in texts(b"".join(writer.end()))] == ["first", "second", "third", ""]


def test_a_large_document_comes_in_pieces(rng):
    pdf = drawn()
    pdf.pages[0].obj.Noise = pdf.make_stream(rng.bytes(3 * PIECE))
    data = saved(pdf)
    writer = FORMATS["pdf"].new_writer()
    assert writer.page(Original(name="a", data=data), read_mark(data)) == b""
    pieces = list(writer.end())
    assert len(pieces) > 3
    assert max(map(len, pieces)) <= PIECE


def test_a_large_document_needs_no_place_for_temporary_files(monkeypatch, rng):
    def nowhere():
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    pdf = drawn()
    pdf.pages[0].obj.Noise = pdf.make_stream(rng.bytes(IN_MEMORY + 1))
    data = saved(pdf)
    assert texts(searchable(data, read_mark(data)))[0].split() == ["MARK"]


DAMAGED = {
    "no PDF behind the mark": b"%PDF-1.4\nnothing",
    "another page than there are": saved(drawn()),
    "a tree without branches": saved(drawn(2)).replace(b"/Kids", b"/Kith"),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_what_cannot_be_taken_over_is_an_error_of_the_file(data):
    with pytest.raises(ImageError) as raised:
        searchable(data, page(line("text"), number=2))
    assert "BytesIO" not in str(raised.value)


def test_more_characters_than_a_font_holds_are_still_a_document(monkeypatch):
    monkeypatch.setattr("ocr_core.formats.glyphless.LAST_CODE", 5)
    assert texts(searchable(saved(drawn()), page(line("abcde ab"))))[0].split() == ["abc\ufffd\ufffd", "ab"]
