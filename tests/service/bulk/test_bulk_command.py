"""The command `ocr batch`, through its own parser and as a process that is killed."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from bulk_fakes import here, load_fake, tree
from encrypted_pdf import encrypted
from service_fakes import bundle, encoded
from typer.testing import CliRunner

from ocr_core.errors import BundleNotFoundError
from service.bulk.reading import SUFFIXES, Order
from service.cli import app

runner = CliRunner()
PAGE = Path(__file__).parents[3] / "docs" / "bulk.md"


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    """Let the command read with a fake in this thread; gives what it asked for."""
    asked: list[Order] = []

    def read(tasks: object, order: Order, *, processes: int, on_page: Callable[[], None]) -> Iterator[object]:
        from dataclasses import replace

        asked.append(order)
        return here(replace(order, load=load_fake))(tasks, on_page)

    def open_bundle(name: str) -> object:
        if name == "none":
            raise BundleNotFoundError("no such model")
        return bundle(name)

    store = SimpleNamespace(open=open_bundle)
    monkeypatch.setattr("service.engine.loading.open_model_store", lambda _: store)
    monkeypatch.setattr("service.bulk.processes.read_in_processes", read)
    return asked


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("scans/2024/a.png", "scans/b.png", "scans/2024/c.tif"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(encoded(Path(name).suffix))
    return tmp_path / "scans"


def ocr(*arguments: object, data: bytes | None = None) -> tuple[int, str, str]:
    result = runner.invoke(app, ["batch", *map(str, arguments)], input=data)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_all_is_read_and_said(orders: list[Order], scans: Path) -> None:
    code, out, err = ocr("scans", "out", "--format", "jsonl,txt,text", "--words", "--threads", 3)
    assert code == 0
    assert re.fullmatch(r"3 of 3 files done; 3 pages in 0 s, \d+\.\d a second\n", out)
    assert err == "3 of 3 files to read\n"
    assert sorted(tree(Path("out"))) == [
        f"{name}{suffix}" for name in ("2024/a.png", "2024/c.tif", "b.png") for suffix in (".jsonl", ".txt")
    ]
    assert json.loads(Path("out/b.png.jsonl").read_bytes())["lines"][0]["words"]
    assert (orders[0].model, orders[0].threads) == ("ppocrv2-en@1", 1)


def test_what_a_folder_holds_and_is_not_read_is_told(orders: list[Order], scans: Path) -> None:
    (scans / "IMG_1.HEIC").write_bytes(b"x")
    assert ocr("scans", "out")[2] == "1 file left out, of kinds that are not read: 1 .heic\n3 of 3 files to read\n"


def test_failures_are_named_listed_and_the_exit_code_until_they_are_read(orders: list[Order], scans: Path) -> None:
    (scans / "bad\n.png").write_bytes(b"bad")
    code, out, err = ocr("scans", "out")
    assert code == 1
    assert "3 of 4 files done; 1 failed;" in out
    assert "failed files: out/_ocr/failed-00000-of-00001.jsonl" in out
    assert "bad\\n.png: neither a PDF nor a JPEG" in err
    assert ocr("scans", "out")[0] == 1
    (scans / "bad\n.png").write_bytes(encoded())
    code, out, err = ocr("scans", "out", "--retry-failed")
    assert (code, err) == (0, "1 of 4 files to read, 3 done before\n")
    assert out.startswith("4 of 4 files done, 3 of them before; 1 page in")


def test_one_file_of_one_page_is_no_plural(orders: list[Order], scans: Path) -> None:
    code, out, err = ocr("scans/b.png", "out")
    assert (code, err) == (0, "1 of 1 file to read\n")
    assert out.startswith("1 of 1 file done; 1 page in ")


def test_of_an_encrypted_pdf_the_option_is_named_that_opens_it(orders: list[Order], scans: Path) -> None:
    (scans / "secret.pdf").write_bytes(encrypted(b"secret"))
    code, _, err = ocr("scans", "out")
    assert (code, "secret.pdf: the PDF is encrypted: give its password by --password\n" in err) == (1, True)


def test_a_dry_run_names_what_would_be_read_and_writes_nothing(orders: list[Order], scans: Path) -> None:
    assert ocr("scans", "out", "--dry-run") == (0, "2024/a.png\n2024/c.tif\nb.png\n", "3 of 3 files to read\n")
    assert not Path("out").exists()
    ocr("scans", "out")
    assert ocr("scans", "out", "--dry-run")[1:] == ("", "0 of 3 files to read, 3 done before\n")
    assert len(orders) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing", "out"], "there is no such folder or file"),
        (["scans", "scans"], "into the folder that is read"),
        (["scans", "out", "--shard", "2/2"], "there is no shard 2/2"),
        (["scans", "out", "--format", "docx"], "'docx' is none of jsonl, text"),
        (["scans", "out", "--pages", "x"], "--pages"),
        (["scans", "nowhere://x"], "nowhere://x"),
        (["zip://x", "out"], "zip://x cannot be opened"),
        (["unreadable", "out"], "Permission denied"),
        (["scans", "out", "--model", "none"], "no such model"),
        (["scans", "scans/b.png/out"], "cannot be written to: Not a directory"),
    ],
)
def test_what_cannot_be_done_is_a_line_and_2(
    orders: list[Order], scans: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    Path("unreadable").touch()
    code, out, err = ocr(*arguments)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert orders == []


def test_a_full_disk_is_75(orders: list[Order], scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.bulk.jsonl.JsonLinesWriter.page", full)
    code, _, err = ocr("scans", "out")
    assert code == 75
    assert "error: out cannot be written to: No space left on device. What was read so far is kept" in err


def test_a_disk_that_is_full_at_the_start_is_75(
    orders: list[Order], scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    assert ocr("scans", "out")[0] == 75


def test_the_shard_is_that_of_kubernetes(orders: list[Order], scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    assert ocr("scans", "out")[0] == 2
    monkeypatch.setenv("JOB_COMPLETIONS", "2")
    assert ocr("scans", "out")[0] == 0
    assert Path("out/_ocr/manifest-00001-of-00002.jsonl").exists()
    assert ocr("scans", "out", "--shard", "0/2")[0] == 0
    assert len(tree(Path("out"))) == 3


def test_the_formats_that_help_names_are_those_that_there_are() -> None:
    described = " ".join(runner.invoke(app, ["batch", "--help"], env={"COLUMNS": "300"}).stdout.split())
    assert f"{', '.join(SUFFIXES)}; several with commas" in described


def test_the_commands_of_the_documentation_do_what_they_say(
    orders: list[Order], scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = re.findall(r"^\$ (?:find .* \| )?ocr batch (.*?) +#", PAGE.read_text(), re.MULTILINE)
    local = [shlex.split(command) for command in commands if "s3://" not in command and "--ray" not in command]
    assert len(local) >= 5
    for arguments in local:
        data = b"\0".join(os.fsencode(path) for path in scans.rglob("*.*")) if arguments[0] == "-" else None
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data or b"")))
        assert ocr(*arguments, data=data)[0] == 0, arguments
    assert {"2024/a.png.jsonl", "2024/a.png.txt", "2024/a.png.pdf", "2024/c.tif.jsonl"} < tree(Path("out")).keys()


@pytest.mark.slow
def test_killed_again_and_again_every_file_is_read_once(tmp_path: Path) -> None:
    """The real program and the real model, killed with -9 together with its processes' pipe."""
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for i in range(40):
        (scans / f"{i}.png").write_bytes(encoded(width=300 + i, height=100))
    (scans / "bad.png").write_bytes(b"bad")
    command = [sys.executable, "-c", "from service.cli import main; main()", "batch", str(scans), str(out)]
    manifest = out / "_ocr" / "manifest-00000-of-00001.jsonl"
    begun, kills = time.monotonic(), 0
    while True:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        before = manifest.read_bytes().count(b"\n") if manifest.exists() else 0
        while process.poll() is None and (not manifest.exists() or manifest.read_bytes().count(b"\n") < before + 9):
            time.sleep(0.01)
            assert time.monotonic() - begun < 600
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
    assert kills >= 2
    assert process.communicate()[0].startswith(b"40 of 41 files done")
    assert process.returncode == 1
    lines = [json.loads(line) for line in manifest.read_bytes().splitlines()]
    assert len({line["name"] for line in lines}) == len(lines) == 41
    assert {name: len(data) for name, data in tree(out).items()} == {
        path: size for line in lines for path, size in line["outputs"].items()
    }
