"""`ocr mcp`, driven by the client of the SDK over real standard input and output."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pdfs import A4, LINES, document, paragraph, place
from service_fakes import FakeReader, encoded

from service.agents.folders import Folders
from service.agents.reading import FileReader, Form, Wish
from service.errors import ForbiddenError
from service.settings import Settings

mcp = pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
FAKE = """
import sys
import service.engine.loading
from service_fakes import FakeReader
service.engine.loading.load_engine = lambda settings: FakeReader()
from service.cli import main
sys.argv = ["ocr", "mcp", *sys.argv[1:]]
main()
"""
REAL = "from service.cli import main; main()"


@asynccontextmanager
async def tools(*arguments: str | Path, script: str = FAKE, **settings: object) -> AsyncIterator[mcp.Client]:
    """Start `ocr mcp` and give a client of it."""
    environment = {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/service'}",
        "OCR_MODEL_STORE": str(ROOT / "models"),
        **{f"OCR_{name.upper()}": str(value) for name, value in settings.items()},
    }
    given = [*(["mcp"] if script == REAL else []), *map(str, arguments)]
    server = mcp.StdioServerParameters(command=sys.executable, args=["-c", script, *given], env=environment)
    async with mcp.Client(server, read_timeout_seconds=60) as client:
        yield client


async def called(client: mcp.Client, tool: str, **arguments: object) -> tuple[bool, str]:
    """Return whether a tool failed, and what it said."""
    result = await client.call_tool(tool, arguments)
    (content,) = result.content
    return bool(result.is_error), content.text


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_files_and_bytes_are_read_in_three_forms(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(encoded())
    two = document([paragraph(LINES), place("I", 0, 0, *A4)])
    (tmp_path / "two.pdf").write_bytes(two)
    async with tools(tmp_path) as client:
        listed = await client.list_tools()
        assert {tool.name for tool in listed.tools} == {"read_file", "read_bytes"}
        assert await called(client, "read_file", path="in/a.png") == (False, "Total 12.95\nsmudge\n")
        assert await called(client, "read_file", path=str(tmp_path / "in/a.png"), format="markdown") == (
            False,
            "Total 12.95\\\nsmudge\n",
        )
        failed, boxes = await called(client, "read_bytes", data=in_base64(encoded()), format="boxes")
        (page,) = json.loads(boxes)["pages"]
        assert (failed, page["width"], page["height"]) == (False, 40, 30)
        assert page["lines"][0] == {
            "text": "Total 12.95",
            "confidence": 0.9877,
            "polygon": [[1.0, 2.0], [30.0, 2.0], [30.0, 12.0], [1.0, 12.0]],
        }
        failed, text = await called(client, "read_file", path="two.pdf", pages="1")
        assert not failed
        assert LINES[0] in text


@pytest.mark.parametrize(("form", "words"), [("text", True), ("markdown", True), ("boxes", False)])
def test_tables_are_found_by_their_words(form: Form, words: bool) -> None:
    engine = FakeReader()
    reader = FileReader(engine, Settings())  # type: ignore[arg-type]
    reader.read("a.png", encoded(), Wish(form=form), reader.ticket())
    assert [options.words for options in engine.calls] == [words]


async def test_errors_are_those_of_the_service(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a.txt").write_text("no image")
    (tmp_path / "inside" / "large.png").write_bytes(encoded(width=400, height=400))
    (tmp_path / "secret.png").write_bytes(encoded())
    (tmp_path / "inside" / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(tmp_path / "inside" / "pipe.png")
    async with tools(tmp_path / "inside", payload_limit=2000, max_pixels=100) as client:
        for path in ("../secret.png", str(tmp_path / "secret.png"), "link.png", "nowhere.png", "a\0b"):
            failed, said = await called(client, "read_file", path=path)
            assert failed
            assert "forbidden: no such file" in said, path
        for arguments, code in (
            ({"path": "a.txt"}, "unsupported_image_type"),
            ({"path": "large.png"}, "payload_too_large"),
            ({"path": "pipe.png"}, "invalid_image"),
            ({"path": "."}, "invalid_image"),
        ):
            failed, said = await called(client, "read_file", **arguments)
            assert (failed, code in said) == (True, True), said
        for data, code in (
            ("§", "malformed_request"),
            ("A" * 2700, "payload_too_large"),
            (in_base64(encoded()), "image_too_large"),
        ):
            failed, said = await called(client, "read_bytes", data=data)
            assert (failed, code in said) == (True, True), said
        failed, said = await called(client, "read_bytes", data=in_base64(document([paragraph(LINES)])), pages="7")
        assert (failed, "invalid_pages" in said) == (True, True), said


async def test_without_a_folder_there_are_only_bytes() -> None:
    async with tools() as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["read_bytes"]


@pytest.mark.slow
async def test_the_shipped_model_reads_the_receipt() -> None:
    async with tools(ROOT / "examples", script=REAL) as client:
        failed, text = await called(client, "read_file", path="receipt.jpg")
        assert not failed
        assert "THE CORNER BAKERY" in text


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"mine")
    (tmp_path / "secret.png").write_bytes(b"not mine")
    folders = Folders([tmp_path / "in"], 100)
    assert folders.read("a.png") == b"mine"
    found = folders._find("a.png")
    found.unlink()
    found.symlink_to(tmp_path / "secret.png")
    monkeypatch.setattr(folders, "_find", lambda _: found)
    with pytest.raises(Exception, match="cannot be opened"):
        folders.read("a.png")
    monkeypatch.undo()
    with pytest.raises(ForbiddenError):
        folders.read("a.png")


def test_without_the_sdk_the_command_says_what_to_install() -> None:
    script = "import sys; sys.modules['mcp'] = None\n" + REAL
    command = [sys.executable, "-c", script, "mcp"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, "ocr-service[cpu,service,mcp]" in done.stderr) == (1, True)
