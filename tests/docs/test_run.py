"""The README's and the documentation's commands and programs, run as written against the shipped model."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented import ROOT, blocks, commands
from PIL import Image
from running import READERS_ADDRESS, clone, environment, run, served, uploads

pytestmark = pytest.mark.slow

PROGRAMS = r"(\.venv/bin/)?ocr (read|models list|models show|eval|doctor)( .*)?|python -m trainer options .*"
PAGES = ("README.md", "docs/index.md", "docs/formats.md", "docs/models.md", "docs/training.md", "docs/doctor.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    clone(folder)
    uploads(folder)
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """Serve by the first command of all."""
    with served("make serve", folder) as address:
        yield address


def of_pages(pattern: str, *names: str) -> list[str]:
    found = {command for name in names for command in commands(ROOT / name) if re.fullmatch(pattern, command)}
    assert found
    return sorted(found)


@pytest.mark.parametrize("command", of_pages(r"curl .*", "README.md", "docs/index.md", "docs/deployment.md"))
def test_requests(folder: Path, url: str, command: str) -> None:
    printed = run(command, folder, url)
    if "receipt" in command:
        assert "THE CORNER BAKERY" in printed
    elif "searchable" in command:
        assert (folder / "searchable.pdf").read_bytes().startswith(b"%PDF")
    else:
        assert '"done":true' in printed


@pytest.mark.parametrize("command", of_pages(PROGRAMS, *PAGES))
def test_commands(folder: Path, command: str) -> None:
    printed = run(command, folder)
    made = [folder / name for name in re.findall(r"(?:-o|--draw|--report|>) ?(\S+\.\w+)", command)]
    assert printed or made
    assert all(path.stat().st_size for path in made)


def test_the_smaller_bundle_is_served(folder: Path) -> None:
    assert "make serve OCR_MODEL=ppocrv2-en-int8" in commands(ROOT / "docs/models.md")
    with served("make serve OCR_MODEL=ppocrv2-en-int8", folder) as address:
        assert "THE CORNER BAKERY" in run(f"curl -F file=@photo.jpg {address}/v1/ocr", folder)


@pytest.mark.skipif(shutil.which("lit", path=environment()["PATH"]) is None, reason="needs LiteParse")
def test_liteparse(folder: Path, url: str) -> None:
    """A scan, which has no text of its own."""
    (command,) = of_pages(r"lit parse .*", "docs/integrations.md")
    place = folder / "scanned"
    place.mkdir()
    Image.open(folder / "photo.jpg").save(place / "scan.pdf")
    assert "THE CORNER BAKERY" in run(command, place, url)


def test_programs_in_python(folder: Path, url: str) -> None:
    """Those of the client's README go on with the client that its first one opened."""
    setup = {"receipt.jpg": "photo.jpg", "scan.pdf": "scan.pdf", "book.pdf": "scan.pdf"}
    for name, source in setup.items():
        if name != source:
            shutil.copy(folder / source, folder / name)
    first, streaming, asynchronous, job = blocks(ROOT / "clients/python/README.md", "python")
    indented = "".join(f"    {line}\n" for line in asynchronous.splitlines())
    programs = [
        *blocks(ROOT / "docs/api.md", "python"),
        first,
        f'from ocr_client import Client\nclient = Client("{READERS_ADDRESS}")\n{streaming}',
        f'from ocr_client import Client\nclient = Client("{READERS_ADDRESS}")\n{job}print(markdown)',
        f"import asyncio\nfrom ocr_client import AsyncClient\nasync def main():\n{indented}\nasyncio.run(main())",
    ]
    assert len(programs) == 5
    paths = environment(PYTHONPATH=str(ROOT / "clients/python"))
    for program in programs:
        here = program.replace(READERS_ADDRESS, url)
        done = subprocess.run(
            ["python", "-c", here], cwd=folder, env=paths, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{here}\n{done.stderr}"
        assert "Page 1" in done.stdout or "THE CORNER BAKERY" in done.stdout


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_programs_in_javascript(folder: Path, url: str) -> None:
    (program,) = blocks(ROOT / "docs/api.md", "javascript")
    (folder / "read.mjs").write_text(program.replace(READERS_ADDRESS, url))
    done = subprocess.run(["node", "read.mjs"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "10 pages"
    assert "Page 7" in done.stdout
