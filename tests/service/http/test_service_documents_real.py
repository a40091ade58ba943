"""The shipped model behind the service: PDFs good and bad, and the `curl` lines of docs/api.md."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import PIL.Image
import pytest
from hostile_pdf import HOSTILE
from pdfs import A4, LINES, document, paragraph, picture, place
from service_fakes import until

from benchmarks.servers import free_port

ROOT = Path(__file__).parents[3]
API = ROOT / "docs/api.md"
STARTS = {".pdf": b"%PDF-", ".hocr": b"<?xml", ".xml": b"<?xml"}
"""Of files that commands write."""


def written_and_scanned() -> bytes:
    """Return a PDF with a page of text and a page that is a picture of some."""
    pixels = np.full((842, 595), 255, np.uint8)
    for i, text in enumerate(("INVOICE 2047", "Total 12.95 EUR")):
        cv2.putText(pixels, text, (60, 120 + 60 * i), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 0, 2, cv2.LINE_AA)
    resources = b"/XObject<</I 5000 0 R>>"
    return document([paragraph(LINES), place("I", 0, 0, *A4)], resources=resources, objects={5000: picture(pixels)})


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run `ocr serve` with the shipped model."""
    port = free_port()
    environment = {
        "PYTHONPATH": str(ROOT),
        "OCR_MODEL_STORE": str(ROOT / "models"),
        "OCR_CACHE_DIR": str(tmp_path_factory.mktemp("cache")),
        "OCR_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-c", "from service.cli import main; main()", "serve"]
    process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)], env=environment)

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(ready)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_document_comes_page_by_page(url: str) -> None:
    files = {"file": ("two.pdf", written_and_scanned())}
    answer = httpx.post(f"{url}/v1/ocr", headers={"accept": "application/x-ndjson"}, files=files, timeout=60)
    first, second, end = map(json.loads, answer.text.splitlines())
    assert (first["source"], [line["text"] for line in first["lines"]]) == ("embedded", list(LINES))
    assert (second["source"], [line["text"] for line in second["lines"]]) == (
        "ocr",
        ["INVOICE 2047", "Total 12.95 EUR"],
    )
    assert (end["pages"], end["failed"]) == (2, 0)


def commands() -> list[str]:
    found = re.findall(r"^\$ (.*curl .*)$", API.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(found) == 11
    return found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("command", commands())
def test_every_line_of_the_documentation_works(url: str, tmp_path: Path, command: str) -> None:
    import pikepdf

    data = written_and_scanned()
    for name in ("scan.pdf", "paper.pdf"):
        (tmp_path / name).write_bytes(data)
    with pikepdf.open(tmp_path / "scan.pdf") as opened:
        opened.save(tmp_path / "locked.pdf", encryption=pikepdf.Encryption(owner="secret", user="secret"))
    shutil.copy(ROOT / "examples/receipt.jpg", tmp_path / "photo.jpg")
    sheets = [PIL.Image.open(ROOT / "examples/receipt.jpg")] * 2
    sheets[0].save(tmp_path / "scan.tif", save_all=True, append_images=sheets[1:])
    here = command.replace("http://localhost:8000", url).replace("curl ", "curl --fail --silent --show-error ")
    here = here.replace("pages=1-3", "pages=1-2")
    done = subprocess.run(["bash", "-c", here], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = re.search(r" -o (\S+)", command)
    if written:
        made = tmp_path / written[1]
        assert made.read_bytes().startswith(STARTS[made.suffix])
    else:
        assert "12.95" in done.stdout or "BAKERY" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "pdf"])
@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_hostile_documents_are_answered(url: str, make: Callable[[], bytes], form: str) -> None:
    headers = {"content-type": "application/pdf", "x-request-timeout-ms": "3000"}
    answer = httpx.post(f"{url}/v1/ocr?format={form}&pages=1", content=make(), headers=headers, timeout=60)
    assert answer.status_code in {200, 413, 422, 504}
    if answer.status_code != 200:
        assert answer.json()["code"]
    elif form == "pdf":
        assert answer.content.startswith(b"%PDF-")
    assert httpx.get(f"{url}/readyz").status_code == 200
