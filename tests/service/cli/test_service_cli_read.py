"""`ocr read`: files and documents, and what is made of them."""

from __future__ import annotations

import json
import sys
import threading
from errno import ENOSPC
from pathlib import Path
from typing import NoReturn

import cv2
import pdfs
import pikepdf
import pytest
from commands import PAGES, ocr, runner, shown_on_terminal
from service_fakes import encoded, picture

from ocr_core.formats.registry import FORMATS
from service.cli import app
from service.cli.common import stderr
from service.cli.output import OutputFormat
from service.settings import Settings


@pytest.mark.parametrize("target", ["missing/out.txt", "", "a.png/out.txt"])
def test_an_output_that_cannot_be_written_is_found_ahead_of_reading(
    loaded: list[Settings], images: Path, target: str
) -> None:
    code, out, err = ocr("read", images / "a.png", "-o", images / target)
    assert code in (1, 2)
    assert (out, bool(err)) == ("", True)
    assert loaded == []


def test_a_url_is_not_fetched(loaded: list[Settings]) -> None:
    code, out, err = ocr("read", "https://example.com/a.png")
    assert (code, out, loaded) == (2, "", [])
    told = " ".join(err.replace("│", " ").split())
    assert "https://example.com/a.png is a URL, and none is fetched: download it first" in told


@pytest.mark.parametrize("name", ["stdin", "stdout"])
def test_closed_streams_are_one_line(
    loaded: list[Settings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setattr(sys, name, None)
    with pytest.raises(SystemExit) as end:
        app(["read", "-"])
    assert end.value.code == 1
    assert f"error: standard {name[3:]}put is closed" in capsys.readouterr().err
    assert loaded == []


def test_reading_prints_the_text(loaded: list[Settings], images: Path) -> None:
    code, out, err = ocr("read", images / "a.png")
    assert (code, out.split(), err) == (0, ["Total", "12.95", "smudge"], "")


def test_of_several_files_each_is_named_in_order(loaded: list[Settings], images: Path) -> None:
    code, out, _ = ocr("read", images, "--min-confidence", "0.9")
    assert code == 0
    assert out.splitlines() == [
        f"==> {images / 'a.png'} <==",
        "Total 12.95",
        f"==> {images / 'deep' / 'b.JPG'} <==",
        "Total 12.95",
    ]


def test_json_is_one_object_a_file_and_failures_have_their_error(loaded: list[Settings], images: Path) -> None:
    files = [images / "a.png", images / "notes.txt", images / "absent.png"]
    code, out, err = ocr("read", *files, "--json", "--words")
    assert code == 1
    good, bad, absent = map(json.loads, out.splitlines())
    assert [line["text"] for line in good["lines"]] == ["Total 12.95", "smudge"]
    assert good["lines"][0]["words"][0]["text"] == "Total"
    assert (bad["file"], bad["error"]["code"]) == (str(files[1]), "unsupported_image_type")
    assert absent["error"]["detail"] == "No such file or directory"
    assert err.splitlines()[0] == f"{files[1]}: neither a PDF nor a JPEG, PNG, WebP, BMP, TIFF or GIF image"


FIRST_BYTES = {
    "text": b"Total 12.95",
    "json": b'{"file":',
    "markdown": b"Total 12.95",
    "tsv": b"level\tpage_num",
    "hocr": b"<?xml",
    "alto": b"<?xml",
    "pdf": b"%PDF-",
}


@pytest.mark.parametrize("name", FIRST_BYTES)
def test_formats_go_to_a_file_or_to_standard_output(
    loaded: list[Settings], images: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "written"
    assert ocr("read", images / "a.png", "--format", name, "-o", target) == (0, "", "")
    assert target.read_bytes().startswith(FIRST_BYTES[name])
    shown = runner.invoke(app, ["read", str(images / "a.png"), "-f", name])
    assert shown.exit_code == 0
    assert shown.stdout_bytes.startswith(FIRST_BYTES[name])
    assert len(shown.stdout_bytes) == len(target.read_bytes())


@pytest.mark.parametrize(
    ("name", "options", "written"),
    [
        *((f"out{each.suffix}", (), name) for name, each in FORMATS.items()),
        *[("out.json", (), "json"), ("out.jsonl", (), "json"), ("OUT.PDF", (), "pdf")],
        *[("out", (), "text"), ("page.2", (), "text"), (".out", (), "text"), ("out.docx", ("-f", "txt"), "text")],
        *[("out.pdf", ("-f", "tsv"), "tsv"), ("out.pdf", ("-f", "txt"), "text"), ("out.tsv", ("--json",), "json")],
        *[("out", ("-f", "md"), "markdown"), ("out.md", ("-f", "text"), "text")],
    ],
)
def test_the_format_is_the_one_that_is_named_or_else_that_of_the_file(
    loaded: list[Settings], images: Path, tmp_path: Path, name: str, options: tuple[str, ...], written: str
) -> None:
    assert ocr("read", images / "a.png", "-o", tmp_path / name, *options) == (0, "", "")
    assert ocr("read", images / "a.png", "-o", tmp_path / "as named", "--format", written) == (0, "", "")
    assert (tmp_path / name).read_bytes()[:200] == (tmp_path / "as named").read_bytes()[:200]


@pytest.mark.parametrize("name", ["out.docx", "out.PNG", "out.txt.bak"])
def test_a_file_named_after_no_format_is_refused(
    loaded: list[Settings], images: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    (images / name).write_text("before")
    code, out, err = ocr("read", images / "a.png", "-o", images / name)
    assert (code, out, loaded) == (2, "", [])
    assert f"{Path(name).suffix.lower()} is no format that is written" in err
    assert all(suffix in err for suffix in (".txt", ".md", ".tsv", ".hocr", ".xml", ".pdf", ".json", ".jsonl"))
    assert (images / name).read_text() == "before"


def test_the_formats_of_the_command_are_those_that_there_are() -> None:
    assert {each.value for each in OutputFormat} == {"json", *FORMATS}


def test_a_file_may_be_standard_input(loaded: list[Settings]) -> None:
    result = runner.invoke(app, ["read", "-", "--format", "tsv"], input=encoded())
    assert result.exit_code == 0
    assert "\tTotal\n" in result.stdout


def test_a_document_of_several_files_keeps_the_place_of_one_that_failed(
    loaded: list[Settings], images: Path, tmp_path: Path
) -> None:
    target = tmp_path / "all.tsv"
    code, _, err = ocr("read", images / "a.png", images / "notes.txt", images / "a.png", "-f", "tsv", "-o", target)
    assert code == 1
    assert err.startswith(str(images / "notes.txt"))
    rows = [row.split("\t") for row in target.read_text().splitlines()[1:]]
    assert [(row[1], row[8]) for row in rows if row[0] == "1"] == [("1", "40"), ("2", "0"), ("3", "40")]


def test_a_file_may_be_written_over_by_its_pdf(loaded: list[Settings], images: Path) -> None:
    assert ocr("read", images / "a.png", "-f", "pdf", "-o", images / "a.png")[0] == 0
    assert (images / "a.png").read_bytes().startswith(b"%PDF-")


def test_a_file_is_replaced_by_its_pdf_only_once_that_is_whole(
    loaded: list[Settings], images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> NoReturn:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("ocr_core.formats.searchable_pdf.SearchablePdfWriter.end", fail)
    before = (images / "a.png").read_bytes()
    code, _, err = ocr("read", images / "a.png", "-f", "pdf", "-o", images / "a.png")
    assert (code, "No space left" in err) == (1, True)
    assert (images / "a.png").read_bytes() == before
    assert sorted(path.name for path in images.iterdir()) == ["a.png", "deep", "notes.txt"]


def test_a_file_may_be_written_over_by_the_pdf_of_several(loaded: list[Settings], images: Path, papers: Path) -> None:
    (images / "z.png").symlink_to(images / "a.png")
    code, _, err = ocr(
        "read", papers / "paper.pdf", papers / "paper.pdf", images / "z.png", "-f", "pdf", "-o", images / "z.png"
    )
    assert (code, err) == (0, "")
    assert (images / "z.png").is_symlink()
    with pikepdf.open(images / "a.png") as written:
        assert len(written.pages) == 7


def test_boxes_are_drawn_into_a_file_or_a_folder(loaded: list[Settings], images: Path, tmp_path: Path) -> None:
    one, several = tmp_path / "one.png", tmp_path / "several"
    assert ocr("read", images / "a.png", "--draw", one)[0] == 0
    assert (cv2.imread(str(one)) != picture()).any()
    assert ocr("read", images, "--draw", several)[0] == 0
    assert sorted(path.name for path in several.iterdir()) == ["a.png", "b.png"]


def test_one_image_is_drawn_into_a_folder_that_is_there(loaded: list[Settings], images: Path, tmp_path: Path) -> None:
    (tmp_path / "drawn").mkdir()
    assert ocr("read", images / "a.png", "--draw", tmp_path / "drawn")[0] == 0
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["a.png"]


@pytest.mark.parametrize(("source", "place"), [("a.png", "a.png/in/drawn.png"), (".", "a.png")], ids=["file", "folder"])
def test_what_cannot_be_drawn_into_is_found_before_reading(
    loaded: list[Settings], images: Path, source: str, place: str
) -> None:
    code, out, err = ocr("read", images / source, "--draw", images / place)
    assert (code, out, loaded) == (1, "", [])
    assert err == f"error: [Errno 20] Not a directory: '{images / 'a.png'}'\n"


def test_several_pages_are_not_drawn_into_a_file(loaded: list[Settings], papers: Path) -> None:
    path = papers / "secret.pdf"
    code, out, err = ocr("read", papers / "paper.pdf", "--draw", path)
    assert (code, out) == (1, "")
    assert err == f"error: [Errno 20] Not a directory: '{path}'\n"


def pages_read(*arguments: object) -> list[tuple[int, str]]:
    code, out, _ = ocr("read", *arguments, "--json")
    assert code == 0
    rows = [json.loads(row) for row in out.splitlines()]
    return [(row["page"], row["lines"][0]["text"]) for row in rows]


def test_every_page_of_a_document_is_read_in_order(loaded: list[Settings], papers: Path) -> None:
    found = pages_read(papers / "paper.pdf")
    assert found == [(number, f"This is page {number} of a document,") for number in (1, 2, 3)]


def test_pages_are_chosen(loaded: list[Settings], papers: Path) -> None:
    assert [number for number, _ in pages_read(papers / "paper.pdf", "--pages", "3,-1")] == [1, 3]


def test_the_text_of_a_document_is_taken_or_not(loaded: list[Settings], papers: Path) -> None:
    arguments = (papers / "paper.pdf", "--pages", 2, "--text-layer")
    assert pages_read(*arguments, "only") == [(2, "This is page 2 of a document,")]
    assert pages_read(*arguments, "ignore") == [(2, "Total 12.95")]


def test_a_password_opens(loaded: list[Settings], papers: Path) -> None:
    code, out, err = ocr("read", papers / "secret.pdf", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "password_required")
    assert err.endswith("secret.pdf: the PDF is encrypted: give its password by --password\n")
    _, out, err = ocr("read", papers / "secret.pdf", "--json", "--password", "no")
    assert json.loads(out)["error"]["code"] == "wrong_password"
    assert err.endswith("secret.pdf: the PDF is encrypted, and not with the password of --password\n")
    assert pages_read(papers / "secret.pdf", "--password", "secret") == [(1, pdfs.LINES[0])]


def test_one_page_that_fails_leaves_the_others(loaded: list[Settings], tmp_path: Path) -> None:
    path = tmp_path / "broken.pdf"
    path.write_bytes(pdfs.document(PAGES).replace(b"12 0 obj\n<</Type/Page", b"12 0 obj\n[</Type/Page"))
    code, out, err = ocr("read", path, "--json")
    assert code == 1
    rows = [json.loads(row) for row in out.splitlines()]
    assert [row["page"] for row in rows] == [1, 2, 3]
    assert [row.get("error", {}).get("code") for row in rows] == [None, "unreadable_page", None]
    assert err == f"{path}: page 2 is damaged\n"


def test_a_folder_may_hold_documents_and_no_process_is_left(loaded: list[Settings], papers: Path) -> None:
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    before = children.read_text()
    code, out, _ = ocr("read", papers, "--pages", "1")
    assert code == 1
    assert out.startswith(f"==> {papers / 'paper.pdf'} <==\nThis is page 1 of a document,")
    assert children.read_text() == before


def test_pages_are_drawn_into_a_folder(loaded: list[Settings], papers: Path, tmp_path: Path) -> None:
    assert ocr("read", papers / "paper.pdf", "--pages", "-2", "--draw", tmp_path / "drawn")[0] == 0
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["paper-2.png", "paper.png"]


def test_a_selection_that_is_none_is_wrong_usage(loaded: list[Settings], papers: Path) -> None:
    code, out, err = ocr("read", papers / "paper.pdf", "--pages", "one")
    assert (code, out) == (2, "")
    assert "'one' is no page" in err
    code, _, err = ocr("read", papers / "paper.pdf", "--pages", "2-9")
    assert (code, err) == (1, f"{papers / 'paper.pdf'}: there is no page 9; the file has 3 pages\n")


def test_a_terminal_is_shown_either_the_pages_or_how_far_it_is(
    loaded: list[Settings], papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(stderr, "is_interactive", True)  # decided when it is made, in the tests of no terminal
    paper = papers / "paper.pdf"
    pages = shown_on_terminal("read", paper)
    assert pages.startswith("This is page 1 of a document,")
    assert "reading" not in pages
    assert "3/3" in shown_on_terminal("read", paper, "-o", tmp_path / "out.txt")
    assert "3/3" in shown_on_terminal("read", paper, out=tmp_path / "piped.txt")
