"""Commands as a reader would run them: in a folder like a clone, with the programs of this environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pikepdf
from documented import ROOT

from benchmarks.servers import free_port

READERS_ADDRESS = "http://localhost:8000"
START_SECONDS = 180


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a shell in which the virtual environment is active."""
    path = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": os.environ.get("HOME", "/tmp"), "LANG": "C.UTF-8", **more}


def clone(folder: Path) -> None:
    """Make `folder` look like a clone; models may be added to it."""
    for name in ("examples", "trainer", "service", "ocr_core", "Makefile", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "models", folder / "models")
    (folder / ".venv").symlink_to(sys.prefix)


def uploads(folder: Path) -> None:
    """Put the files there that the documentation speaks of."""
    shutil.copy(ROOT / "examples/receipt.jpg", folder / "photo.jpg")
    with pikepdf.new() as scan:
        for number in range(1, 11):
            scan.add_blank_page(page_size=(300, 200))
            text = f"BT /F1 24 Tf 20 100 Td (Page {number}) Tj ET".encode()
            scan.pages[-1].Contents = scan.make_stream(text)
            font = pikepdf.Dictionary(
                Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
            )
            scan.pages[-1].Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        scan.save(folder / "scan.pdf")
    receipts = folder / "labelled/receipts"
    (receipts / "images").mkdir(parents=True)
    shutil.copy(ROOT / "examples/receipt.jpg", receipts / "images/receipt.jpg")
    line = '{"points": [[92, 85], [371, 74], [372, 101], [94, 113]], "text": "THE CORNER BAKERY", "ignore": false}'
    row = (
        f'{{"image": "images/receipt.jpg", "lines": [{line}], "granularity": "line", "lang": "en", "source": "drawn"}}'
    )
    (receipts / "labels.jsonl").write_text(row + "\n")


def run(command: str, folder: Path, url: str = READERS_ADDRESS) -> str:
    """Run a command as written, but for the service's address; return what it printed.

    Raises:
        AssertionError: it failed.
    """
    here = command.replace(READERS_ADDRESS, url).replace("curl ", "curl --fail --silent --show-error ")
    done = subprocess.run(
        ["bash", "-c", here],
        cwd=folder,
        env=environment(OCR_PORT=str(free_port())),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
    return done.stdout


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def served(command: str, folder: Path) -> Iterator[str]:
    """Run `make serve …` on a free port, without installing anew, and give its address."""
    port = free_port()
    given = [*command.split(), f"--old-file={folder}/.venv/.serve", f"VENV={folder}/.venv"]
    settings = {"OCR_HOST": "127.0.0.1", "OCR_PORT": str(port), "OCR_LOG_LEVEL": "warning"}
    process = subprocess.Popen(given, cwd=folder, env=environment(**settings), start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(10 * START_SECONDS):
            assert process.poll() is None, f"{command} ended"
            if is_ready(url):
                break
            time.sleep(0.1)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
