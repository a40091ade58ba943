"""The command `ocr`, through its own parser."""

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
from encrypted_pdf import encrypted
from service_fakes import FakeReader, bundle, encoded, picture
from typer.testing import CliRunner

from ocr_core.bundle.manifest import Golden, Models
from ocr_core.bundle.writer import describe_file, write_bundle
from ocr_core.errors import BundleNotFoundError
from ocr_core.formats.registry import FORMATS
from service.cli import app
from service.cli.output import OutputFormat
from service.settings import Settings

runner = CliRunner()


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Let commands load a fake reader; gives the settings that they asked for."""
    asked = []

    def load(settings: Settings) -> FakeReader:
        asked.append(settings)
        if settings.model == "absent":
            raise BundleNotFoundError("no bundle 'absent'. Make one.")
        return FakeReader(streams=2)

    monkeypatch.setattr("service.engine.loading.load_engine", load)
    return asked


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded())
    (folder / "deep" / "b.JPG").write_bytes(encoded(".jpg"))
    (folder / "notes.txt").write_text("no image")
    return folder


def ocr(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("target", ["missing/out.txt", "", "a.png/out.txt"])
def test_an_output_that_cannot_be_written_is_found_ahead_of_reading(
    loaded: list[Settings], images: Path, target: str
) -> None:
    code, out, err = ocr("read", images / "a.png", "-o", images / target)
    assert code in (1, 2)
    assert (out, bool(err)) == ("", True)
    assert loaded == []


def test_a_folder_without_images_is_an_error(loaded: list[Settings], tmp_path: Path) -> None:
    code, out, err = ocr("read", tmp_path)
    assert (code, out) == (2, "")
    assert err.replace("\n", "") == f"error: no PDF or image in {tmp_path}"
    assert loaded == []


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
    path = papers / "paper.pdf"
    code, out, err = ocr("read", path, "--draw", path)
    assert (code, out) == (1, "")
    assert err == f"error: [Errno 20] Not a directory: '{path}'\n"


def test_options_choose_the_engine(loaded: list[Settings], images: Path) -> None:
    ocr("read", images / "a.png", "--model", "m@2", "--store", "s", "--backend", "onnxruntime", "--threads", "3")
    (settings,) = loaded
    assert (settings.model, settings.model_store, settings.backend, settings.threads) == ("m@2", "s", "onnxruntime", 3)


FAILURES = {
    "unknown model": (("read", "x.png", "--model", "absent"), 1, "error: no bundle 'absent'. Make one."),
    "bad setting": (("read", "x.png", "--backend", "tpu"), 2, "error: OCR_BACKEND: Input should be"),
    "unknown store": (("models", "list", "--store", "s3x://y"), 1, "error: s3x://y: Protocol not known"),
    "no such set": (("eval", "nowhere"), 1, "error: [Errno 2] No such file or directory: 'nowhere/labels.jsonl'"),
    "no argument": (("read",), 2, "Usage: "),
    "no such format": (("read", "x.png", "--format", "docx"), 2, "Usage: "),
    "half a version": (("models", "use", "name"), 2, "Usage: "),
    "half an import": (("models", "import", "--det", __file__), 2, "Usage: "),
}


@pytest.mark.parametrize(("arguments", "code", "message"), FAILURES.values(), ids=FAILURES)
def test_failures_are_one_line(loaded: list[Settings], arguments: tuple[str, ...], code: int, message: str) -> None:
    found, out, err = ocr(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith(message)
    assert "Traceback" not in err


def test_version() -> None:
    code, out, _ = ocr("--version")
    assert code == 0
    assert out.strip()


def test_bench_prints_stages(loaded: list[Settings], images: Path) -> None:
    code, out, _ = ocr("bench", images, "--repeat", 2)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "fake@1 on FakeProvider, 2 streams"
    assert [line.split()[0] for line in lines[1:-1]] == ["decode", "det", "crop", "rec", "post", "total"]
    assert lines[-1].startswith("4 readings, ")


def test_eval_prints_figures(loaded: list[Settings], tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    folder.mkdir()
    (folder / "1.png").write_bytes(encoded())
    (folder / "labels.jsonl").write_text('{"image": "1.png", "text": "TOTAL 12.95"}\n')
    code, out, _ = ocr("eval", "crops", "--data", tmp_path)
    assert code == 0
    assert out.split()[:7] == ["crops", "images", "1", "acc", "1.0000", "acc_full", "0.0000"]


def test_eval_writes_a_page_with_the_worst_lines_beside_the_truth(
    loaded: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "1.png").write_bytes(encoded())
    (folder / "2.png").write_text("no picture")
    (folder / "3:a.png").write_text("no picture")
    lines = [
        {"points": [[1, 2], [30, 2], [30, 12], [1, 12]], "text": "Total <b>12.95"},
        {"points": [[21, 22], [50, 22], [50, 32], [21, 32]], "text": "smudge"},
        {"points": [[1, 22], [9, 22], [9, 29], [1, 29]], "text": "VAT"},
    ]
    rows = [{"image": f"{name}.png", "lines": lines, "granularity": "line"} for name in (1, 2, "3:a")]
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, err = ocr("eval", "pages", "--data", tmp_path, "--report", tmp_path / "out.html", "--worst", 2)
    assert code == 1
    assert "2.png: neither a PDF nor a JPEG" in err
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "fake@1" in page
    assert "2 read wrongly; of 1 of these nothing was read. The worst 2:" in page
    assert page.count("<figure>") == page.count('src="data:image/jpeg;base64,') == 2
    assert "Total &lt;b&gt;12.95" in page
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_what_an_evaluation_lacks_is_told_before_anything_is_read(loaded: list[Settings], tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "1.png").write_bytes(encoded())
    labels = tmp_path / "crops" / "labels.jsonl"
    labels.write_text('{"image": "1.png", "text": "a"}\n')
    code, _, err = ocr("eval", "crops", "--data", tmp_path, "--report", tmp_path / "nowhere" / "out.html")
    assert (code, "no such folder" in err, loaded) == (2, True, [])
    labels.write_text('{"image": "1.png", "text": "a"}\n{"image": "2.png", "text": "b"}\n')
    code, _, err = ocr("eval", "crops", "--data", tmp_path)
    assert (code, "is not there" in err, loaded) == (2, True, [])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of `fake`, versions 1 and 2, none current."""
    source = tmp_path / "x.onnx"
    source.write_bytes(b"weights")
    file = describe_file(source)
    for version in ("1", "2"):
        manifest = bundle(version=version).manifest
        models = manifest.models.model_dump()
        models["detector"]["weights"] = models["recognizer"]["weights"] = file
        update = {"models": Models.model_validate(models), "golden": Golden(image=file, text=("a",))}
        write_bundle(tmp_path / "store" / "fake" / version, manifest.model_copy(update=update), [source])
    return tmp_path / "store"


def test_models_are_listed_and_chosen(store: Path) -> None:
    assert ocr("models", "list", "--store", store) == (0, "  fake@1\n  fake@2\n", "")
    assert ocr("models", "use", "fake@2", "--store", store)[0] == 0
    assert ocr("models", "list", "--store", store)[1] == "  fake@1\n* fake@2\n"
    code, _, err = ocr("models", "use", "fake@3", "--store", store)
    assert code == 1
    assert "no version '3' of 'fake'" in err


def test_a_card_is_shown(store: Path) -> None:
    code, out, err = ocr("models", "show", "fake@2", "--store", store)
    assert (code, err) == (0, "")
    rows = dict(row.split(maxsplit=1) for row in out.splitlines() if row and not row.startswith(" "))
    assert rows["model"] == "fake@2"
    assert rows["beside"] == "it   1"
    assert rows["digest"].startswith("sha256:")
    assert rows["source"] == "tests"
    assert out.endswith("  receipts  word_f1   0.9000  50 images\n")
    ocr("models", "use", "fake@2", "--store", store)
    assert ocr("models", "show", "fake", "--store", store)[1].startswith("model       fake@2 (current)\n")
    found = json.loads(ocr("models", "show", "fake", "--store", store, "--json")[1])
    assert (found["ref"], found["manifest"]["golden"]["text"]) == ("fake@2", ["a"])
    assert rows["digest"] == f"sha256:{found['digest']}"


def completed(words: str) -> set[str]:
    """Return what a shell offers for the last of `words`."""
    *before, _ = words.split(" ")
    environment = {"_OCR_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(before))}
    return set(runner.invoke(app, [], prog_name="ocr", env=environment).stdout.split())


def test_shells_complete_commands_options_and_choices() -> None:
    assert {"read", "serve", "models", "eval", "doctor"} <= completed("ocr ")
    assert completed("ocr models sh") == {"show"}
    assert completed("ocr read --form") == {"--format"}
    assert completed("ocr read --format t") == {"text", "tsv"}
    assert completed("ocr read --backend o") == {"openvino", "onnxruntime"}


def test_shells_complete_the_models_of_the_store(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_MODEL_STORE", str(store))
    assert completed("ocr read --model fa") == {"fake"}
    assert completed("ocr models show fake@") == {"fake@1", "fake@2"}
    monkeypatch.setenv("OCR_MODEL_STORE", "s3x://nowhere")
    assert completed("ocr read --model ") == set()


def test_verify_looks_at_each_bundle_and_fails_if_one_does(
    loaded: list[Settings], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ocr("models", "verify", "--store", store) == (0, "fake@1: good\nfake@2: good\n", "")
    monkeypatch.undo()
    (store / "fake" / "1" / "x.onnx").write_bytes(b"WEIGHTS")
    code, out, err = ocr("models", "verify", "fake@1", "--store", store)
    assert (code, out) == (1, "")
    assert "sha256" in err


def test_import_leaves_alone_what_is_there(store: Path) -> None:
    assert ocr("models", "import", "fake", "--if-absent", "--store", store) == (0, "", "")


def test_import_publishes_what_it_made(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(folder: Path, *, read: object, name: str, version: str | None):  # type: ignore[no-untyped-def]
        manifest = bundle(name, version or "7").manifest
        models = manifest.models.model_dump()
        file = describe_file(store / "fake" / "1" / "x.onnx")
        models["detector"]["weights"] = models["recognizer"]["weights"] = file
        update = {"models": Models.model_validate(models), "golden": Golden(image=file, text=("a",))}
        return write_bundle(folder, manifest.model_copy(update=update), [store / "fake" / "1" / "x.onnx"])

    monkeypatch.setattr("ocr_core.bundle.ppocr.import_rapidocr", make)
    assert ocr("models", "import", "other", "--store", store) == (0, "other@7\n", "")
    assert "* other@7" in ocr("models", "list", "--store", store)[1]


def test_serve_ends_with_1_if_the_model_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.observe.logs.configure_logging", lambda *_: None)
    code, _, _ = ocr("serve", "--host", "127.0.0.1", "--port", 0, "--store", tmp_path)
    assert code == 1


PAGES = [
    pdfs.paragraph([f"This is page {number} of a document,", "which carries its text, and enough of it to be taken."])
    for number in (1, 2, 3)
]


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """A folder with a PDF of three pages that carry their text, and one that is encrypted with `secret`."""
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "paper.pdf").write_bytes(pdfs.document(PAGES))
    (folder / "secret.pdf").write_bytes(encrypted(b"secret"))
    return folder


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
    assert err.endswith("secret.pdf: the PDF is encrypted; send its password\n")
    _, out, _ = ocr("read", papers / "secret.pdf", "--json", "--password", "no")
    assert json.loads(out)["error"]["code"] == "wrong_password"
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
    code, out, _ = ocr("read", papers, "--pages", "1")
    assert code == 1
    assert out.startswith(f"==> {papers / 'paper.pdf'} <==\nThis is page 1 of a document,")
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    assert children.read_text() == ""


def test_pages_are_drawn_into_a_folder(loaded: list[Settings], papers: Path, tmp_path: Path) -> None:
    assert ocr("read", papers / "paper.pdf", "--pages", "-2", "--draw", tmp_path / "drawn")[0] == 0
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["paper-2.png", "paper.png"]


def test_a_selection_that_is_none_is_wrong_usage(loaded: list[Settings], papers: Path) -> None:
    code, out, err = ocr("read", papers / "paper.pdf", "--pages", "one")
    assert (code, out) == (2, "")
    assert "'one' is no page" in err
    code, _, err = ocr("read", papers / "paper.pdf", "--pages", "2-9")
    assert (code, err) == (1, f"{papers / 'paper.pdf'}: there is no page 9; the file has 3 pages\n")
