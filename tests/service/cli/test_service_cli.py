"""The command `ocr`, through its own parser."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ocr
from service_fakes import FakeReader, bundle, encoded
from typer.testing import CliRunner

from ocr_core.bundle.manifest import Golden, Models
from ocr_core.bundle.writer import describe_file, write_bundle
from service.cli import app
from service.settings import Settings

runner = CliRunner()


def test_a_folder_without_images_is_an_error(loaded: list[Settings], tmp_path: Path) -> None:
    code, out, err = ocr("read", tmp_path)
    assert (code, out) == (2, "")
    assert err.replace("\n", "") == f"error: no PDF or image in {tmp_path}"
    assert loaded == []


def test_options_choose_the_engine(loaded: list[Settings], images: Path) -> None:
    ocr("read", images / "a.png", "--model", "m@2", "--store", "s", "--backend", "onnxruntime", "--threads", "3")
    (settings,) = loaded
    assert (settings.model, settings.model_store, settings.backend, settings.threads) == ("m@2", "s", "onnxruntime", 3)


FAILURES = {
    "unknown model": (("read", "x.png", "--model", "absent"), 1, "error: no bundle 'absent'. Make one."),
    "bad setting": (("read", "x.png", "--backend", "tpu"), 2, "error: OCR_BACKEND: must be 'auto', 'openvino'"),
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


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["read", "--help"]])
def test_a_disk_that_is_full_is_one_line(arguments: list[str]) -> None:
    command = [sys.executable, "-c", "from service.cli import main; main()", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: [Errno 28] No space left on device\n")


def test_bench_prints_stages(loaded: list[Settings], images: Path) -> None:
    code, out, _ = ocr("bench", images, "--repeat", 2)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "fake@1 on FakeProvider, 2 streams"
    assert [line.split()[0] for line in lines[1:-1]] == ["decode", "det", "crop", "rec", "post", "total"]
    assert lines[-1].startswith("4 readings, ")


def test_one_of_a_thing_is_no_plural(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.loading.load_engine", lambda _: FakeReader(streams=1))
    _, out, _ = ocr("bench", images / "a.png", "--repeat", 1)
    lines = out.splitlines()
    assert (lines[0], lines[-1].partition(",")[0]) == ("fake@1 on FakeProvider, 1 stream", "1 reading")


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


def test_serve_tells_ahead_of_loading_that_its_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.observe.logs.configure_logging", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = ocr("serve", "--host", "127.0.0.1", "--port", port)
    assert code == 1
    assert err == f"error: port {port} of 127.0.0.1 is taken: choose another one by --port, or see `ocr doctor`\n"


def test_serve_ends_with_1_if_the_model_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.observe.logs.configure_logging", lambda *_: None)
    code, _, _ = ocr("serve", "--host", "127.0.0.1", "--port", 0, "--store", tmp_path)
    assert code == 1
