"""`POST /v1/ocr` with documents: what is taken, what comes back in which form, page by page."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pikepdf
import pytest
from documents import IMAGE, LINES_TYPE, SCAN, URL, WRITTEN, tiff
from pdfs import A4, LINES, scan
from PIL import Image, TiffImagePlugin
from service_clients import Serve
from service_fakes import FakeReader, parts, two_lines

from ocr_core.errors import BackendError, PageError
from ocr_core.pages import pdf as pdf_pages
from ocr_core.pages.pdfium.process import PdfiumProcess
from service.http.accept import choose_form

pytestmark = pytest.mark.anyio


def locked(data: bytes) -> bytes:
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as opened:
        opened.save(file, encryption=pikepdf.Encryption(owner="secret", user="secret"))
    return file.getvalue()


PDF_TYPE = {"content-type": "application/pdf"}


FORMS: dict[str, dict[str, Any]] = {
    "multipart": {"files": {"file": ("scan.pdf", SCAN)}},
    "raw": {"content": SCAN, "headers": PDF_TYPE},
    "json": {"json": {"image": base64.b64encode(SCAN).decode()}},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_every_page_of_a_pdf_is_read(serve: Serve, form: dict[str, Any], processes: list[PdfiumProcess]) -> None:
    async with serve() as client:
        answer = await client.post(URL, **form)
    assert answer.status_code == 200
    pages = answer.json()["pages"]
    assert [(page["page"], page["source"]) for page in pages] == [(1, "ocr"), (2, "ocr")]
    assert len({page["file"] for page in pages}) == 1
    for page in pages:
        assert page["width"] == pytest.approx(A4[0] * page["dpi"] / 72, abs=1)
        assert [line["text"] for line in page["lines"]] == ["Total 12.95", "smudge"]
        assert "source" not in page["lines"][0]


async def test_every_picture_of_a_tiff_is_a_page(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, files=parts(tiff((40, 30), (50, 20)), IMAGE))
    assert [(page["file"], page["page"], page["width"]) for page in answer.json()["pages"]] == [
        ("1.png", 1, 40),
        ("1.png", 2, 50),
        ("2.png", 1, 40),
    ]


async def test_of_a_tiff_that_begins_with_a_small_copy_the_picture_is_read(serve: Serve) -> None:
    file = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(file) as writer:
        for width, kind in ((40, 1), (400, 0)):
            Image.new("L", (width, 30), 200).save(writer, "TIFF", tiffinfo={254: kind})
            writer.newFrame()
    async with serve() as client:
        answer = await client.post(URL, files=parts(file.getvalue()))
    assert [(page["page"], page["width"]) for page in answer.json()["pages"]] == [(1, 400)]


@pytest.mark.parametrize(("pages", "expected"), [("2", [2]), ("3-,1", [1, 3, 4]), ("", [1, 2, 3, 4])])
async def test_pages_are_chosen(serve: Serve, pages: str, expected: list[int]) -> None:
    async with serve() as client:
        answer = await client.post(URL, data={"pages": pages}, files={"file": scan(4)})
    assert [page["page"] for page in answer.json()["pages"]] == expected


REFUSED = {
    "no such page": (SCAN, {"pages": "3"}, 422, "invalid_pages"),
    "no such page of an image": (IMAGE, {"pages": "2"}, 422, "invalid_pages"),
    "no selection": (SCAN, {"pages": "all"}, 422, "invalid_pages"),
    "too many pages": (scan(4), {}, 413, "too_many_pages"),
    "no password": (locked(SCAN), {}, 422, "password_required"),
    "another password": (locked(SCAN), {"password": "guess"}, 422, "wrong_password"),
    "no pages": (b"%PDF-1.7\nnothing", {}, 422, "damaged_document"),
    "no such choice": (SCAN, {"text_layer": "maybe"}, 422, "invalid_request"),
    "no such format": (SCAN, {"format": "docx"}, 422, "invalid_request"),
}


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "application/pdf"])
@pytest.mark.parametrize(("data", "fields", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_opened_has_a_code(
    serve: Serve, data: bytes, fields: dict[str, str], status: int, code: str, accept: str
) -> None:
    async with serve(max_pages=3) as client:
        answer = await client.post(URL, headers={"accept": accept}, data=fields, files={"file": data})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_password_opens_what_is_encrypted(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, data={"password": "secret"}, files={"file": locked(SCAN)})
    assert len(answer.json()["pages"]) == 2


@pytest.mark.parametrize(
    ("choice", "source", "first"),
    [("auto", "embedded", LINES[0]), ("only", "embedded", LINES[0]), ("ignore", "ocr", "Total 12.95")],
)
async def test_text_that_a_page_carries_is_taken_or_read(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, choice: str, source: str, first: str
) -> None:
    reader = FakeReader()
    looks: list[object] = []
    look_at = pdf_pages.PdfDocument._look_at
    monkeypatch.setattr(pdf_pages.PdfDocument, "_look_at", lambda *a: (looks.append(a), look_at(*a))[1])
    async with serve(reader) as client:
        answer = await client.post(URL, data={"text_layer": choice}, files={"file": WRITTEN})
    (page,) = answer.json()["pages"]
    assert (page["source"], page["lines"][0]["text"]) == (source, first)
    assert page["lines"][0].get("source", "ocr") == source
    assert len(reader.calls) == (choice == "ignore")
    assert len(looks) == (choice == "auto")


def fails_if_wide(pixels: np.ndarray, options: Any) -> Any:
    if pixels.shape[1] == 50:
        raise BackendError("no")
    return two_lines(pixels, options)


async def test_a_page_that_fails_leaves_the_others(serve: Serve) -> None:
    async with serve(FakeReader(fails_if_wide)) as client:
        files = parts(tiff((50, 20), (40, 30)), b"%PDF-1.7", SCAN)
        answer = await client.post(URL, files=files)
        lines = await client.post(URL, headers=LINES_TYPE, files=files)
        text = await client.post(URL, params={"format": "text"}, files=files)
    pages = answer.json()["pages"]
    found = [(page["file"], page["page"], page.get("error", {}).get("code")) for page in pages]
    assert found == [
        ("1.png", 1, "backend_error"),
        ("1.png", 2, None),
        ("2.png", 1, "damaged_document"),
        ("3.png", 1, None),
        ("3.png", 2, None),
    ]
    *same, end = map(json.loads, lines.text.splitlines())
    assert same == pages
    assert (end["done"], end["pages"], end["failed"]) == (True, 5, 2)
    assert end["model"] == answer.json()["model"]
    assert text.text.count("\f") == 4
    assert text.text.count("Total 12.95") == 3


async def test_all_pages_that_fail_are_one_problem(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, headers=LINES_TYPE, files=parts(b"%PDF-1.7", b"none", b""))
    assert (answer.status_code, answer.json()["code"]) == (422, "no_image_read")
    assert [page["error"]["code"] for page in answer.json()["pages"]] == [
        "damaged_document",
        "unsupported_image_type",
        "undecodable_image",
    ]


FORMATS = {
    "json": ("application/json", b'{"pages":'),
    "text": ("text/plain; charset=utf-8", b"Total 12.95"),
    "markdown": ("text/markdown; charset=utf-8", b"Total 12.95"),
    "tsv": ("text/tab-separated-values; charset=utf-8", b"level\tpage_num"),
    "hocr": ("text/vnd.hocr+html; charset=utf-8", b"<?xml"),
    "alto": ("application/alto+xml", b"<?xml"),
    "pdf": ("application/pdf", b"%PDF-"),
}


@pytest.mark.parametrize("by", ["field", "header"])
@pytest.mark.parametrize("data", [SCAN, IMAGE], ids=["document", "image"])
@pytest.mark.parametrize("name", FORMATS)
async def test_answers_have_the_form_that_is_asked_for(serve: Serve, name: str, data: bytes, by: str) -> None:
    media_type, start = FORMATS[name]
    accept = {"accept": f"image/webp, text/html;q=0.9, {media_type.partition(';')[0]};q=0.5, */*;q=0.1"}
    async with serve() as client:
        if by == "field":
            answer = await client.post(URL, params={"format": name}, files={"file": data})
        else:
            answer = await client.post(URL, headers=accept, files={"file": data})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.content.lstrip().startswith(start)


async def test_words_of_a_searchable_pdf_lie_on_the_page(serve: Serve) -> None:
    async with serve() as client:
        made = await client.post(URL, params={"format": "pdf"}, files={"file": SCAN})
        again = await client.post(URL, params={"text_layer": "only"}, files={"file": made.content})
    assert [[line["text"] for line in page["lines"]] for page in again.json()["pages"]] == [
        ["Total", "smudge"]  # the words of the lines, of which the reader gives one box
    ] * 2


@pytest.mark.parametrize("pages", [{}, {"pages": "1"}])
async def test_of_an_image_only_the_text_layer_is_nothing(serve: Serve, pages: dict[str, str]) -> None:
    reader = FakeReader()
    async with serve(reader) as client:
        answer = await client.post(URL, params={"text_layer": "only", **pages}, files=parts(IMAGE))
    (page,) = answer.json()["pages"]
    assert (page["width"], page["height"], page["rotation"], page["lines"]) == (40, 30, 0, [])
    assert not reader.calls


async def test_accept_may_come_in_several_lines(serve: Serve) -> None:
    async with serve() as client:
        lines = [("accept", "text/html"), ("accept", "text/markdown")]
        answer = await client.post(URL, headers=lines, files={"file": SCAN})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/markdown")


@pytest.mark.parametrize("accept", [[], [""], ["", ""], [","], ["*/*", "*/*"], ["", "application/json,"]])
async def test_accept_that_says_nothing_is_none(serve: Serve, accept: list[str]) -> None:
    async with serve() as client:
        del client.headers["accept"]
        answer = await client.post(URL, headers=[("accept", each) for each in accept], files={"file": SCAN})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json;q=0, */*", "ndjson"),
        ("*/*, application/json;q=0", "ndjson"),
        ("application/*;q=0, */*", "text"),
        ("text/plain;q=0, text/*", "markdown"),
        ("application/*;q=0, application/json, */*;q=0.1", "json"),
        ("text/html, application/json;q=0.9, */*;q=0.8", "json"),
        ("text/*;q=0.5, application/*;q=0.4", "text"),
        ("*/*", "json"),
        *[
            (f"text/markdown;q={no_weight}, text/plain;q=0.5", "text")
            for no_weight in ("inf", "nan", "-inf", "x", "-1")
        ],
        ("application/json, text/plain;q=7", "json"),
    ],
)
def test_what_weighs_nothing_is_never_the_answer(accept: str, form: str) -> None:
    assert choose_form(None, accept) == form


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "text/html", "*/*;q=0", "text/html, */*;q=0"])
async def test_what_cannot_be_given_is_406(serve: Serve, accept: str) -> None:
    async with serve() as client:
        answer = await client.post(URL, headers={"accept": accept}, files={"file": SCAN})
        chosen = await client.post(URL, headers={"accept": accept}, params={"format": "text"}, files={"file": SCAN})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert "text/markdown" in answer.json()["detail"]
    assert chosen.status_code == 200


@pytest.mark.parametrize("data", [SCAN, WRITTEN, tiff((3000, 200), (50, 20))], ids=["scan", "written", "tiff"])
async def test_pages_come_with_pictures_where_they_are_asked_for(serve: Serve, data: bytes) -> None:
    """Whether the page was read or its own text was taken."""
    async with serve() as client:
        shown = await client.post(URL, headers=LINES_TYPE, data={"preview": "true"}, files={"file": data})
        plain = await client.post(URL, headers=LINES_TYPE, files={"file": data})
    pages = [json.loads(line) for line in shown.text.splitlines()][:-1]
    assert pages
    for page in pages:
        drawn = Image.open(io.BytesIO(base64.b64decode(page.pop("preview"))))
        assert (drawn.format, max(drawn.size)) == ("JPEG", min(1600, max(page["width"], page["height"])))
        assert drawn.width / drawn.height == pytest.approx(page["width"] / page["height"], rel=0.02)
    assert pages == [json.loads(line) for line in plain.text.splitlines()][:-1]


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "*/*"])
async def test_pictures_are_not_held_until_all_pages_are_read(serve: Serve, accept: str) -> None:
    async with serve() as client:
        answer = await client.post(URL, headers={"accept": accept}, params={"preview": True}, files={"file": SCAN})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "x-ndjson" in answer.json()["detail"]


async def test_text_that_was_had_without_drawing_does_not_fail_with_its_picture(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PageError("page 1 could not be drawn")

    monkeypatch.setattr(pdf_pages.PdfDocument, "_render", fail)
    async with serve() as client:
        answer = await client.post(URL, headers=LINES_TYPE, params={"preview": True}, files={"file": WRITTEN})
    page = json.loads(answer.text.splitlines()[0])
    assert ("preview" in page, [line["text"] for line in page["lines"]]) == (False, list(LINES))
