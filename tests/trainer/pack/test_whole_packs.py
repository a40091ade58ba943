"""Packs are whole or not there, and hold what each source says, whatever it is called."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from ocr_core.scoring.datasets import read_set
from trainer.checkpoint import read_tensors
from trainer.commands.cli import main
from trainer.config import load_config, parse_config
from trainer.errors import ConfigError
from trainer.pack import write
from trainer.pack.write import Limits, write_pack

LIMITS = Limits(lines=5)


def pack(table, data, out, **more):
    write_pack(parse_config(table), data, out, LIMITS, **more)
    return load_config(out / "tiny.json").data.train


@pytest.fixture
def one(tmp_path):
    """A PDF for the looks of it."""
    path = tmp_path / "one.pdf"
    path.write_bytes(b"%PDF-1.4")
    return path


@pytest.mark.parametrize("content", [None, b"half a sta"])
def test_a_state_that_cannot_be_read_is_refused(recognizer_table, data, tmp_path, content):
    init = tmp_path / "init.safetensors"
    if content is not None:
        init.write_bytes(content)
    with pytest.raises(ConfigError, match="not a file of weights"):
        pack(recognizer_table, data, tmp_path / "pack", init=init)
    assert not (tmp_path / "pack").exists()


def test_a_pack_that_fails_leaves_nothing_and_can_be_written_again(recognizer_table, data, tmp_path, runs):
    with pytest.raises(ConfigError, match=r"none\.whl"):
        pack(recognizer_table, data, tmp_path / "pack", wheels=[tmp_path / "none.whl"])
    assert [path for path in tmp_path.iterdir() if "pack" in path.name] == []
    state = runs / "rec" / "state.safetensors"
    pack(recognizer_table, data, tmp_path / "pack", init=state)
    assert read_tensors(tmp_path / "pack" / "init.safetensors")[1] == read_tensors(state)[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_pack_that_is_stopped_leaves_nothing(recognizer_table, data, tmp_path, monkeypatch, number):
    def stopped(*_, **__):
        assert signal.getsignal(number) != before, "would end the tests"
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    monkeypatch.setattr(write, "pack_lines", stopped)
    with pytest.raises(SystemExit) as ended:
        pack(recognizer_table, data, tmp_path / "pack")
    assert ended.value.code == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("out", [".", "/", "link"])
def test_what_is_there_is_no_place_for_a_pack(recognizer_table, data, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="exists"):
        pack(recognizer_table, data, Path(out))


@pytest.mark.parametrize("out", ["file/pack", "/proc/nowhere/pack"])
def test_a_place_that_cannot_be_written_is_an_error_of_the_caller(recognizer_table, data, tmp_path, out):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        pack(recognizer_table, data, tmp_path / out)


@pytest.mark.parametrize("names", [("a/b", "a-b"), ("a-b", "a/b")])
def test_sets_of_nearly_one_name_are_two(recognizer_table, data, tmp_path, names):
    root = tmp_path / "data"
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        shutil.copytree(data / "lines" / "images", root / name / "images")
        rows = (data / "lines" / "labels.jsonl").read_text().splitlines(keepends=True)
        (root / name / "labels.jsonl").write_text("".join(rows[5 * number : 5 * number + 5]))
    train = recognizer_table["data"]["train"]
    table = recognizer_table | {"data": recognizer_table["data"] | {"train": [train[0] | {"path": n} for n in names]}}
    table["data"]["validate_on"] = table["data"]["train"]
    for source, name in zip(pack(table, root, tmp_path / "pack"), names, strict=True):
        packed, whole = read_set(tmp_path / "pack" / "data" / source.path), read_set(root / name)
        assert [row.text for row in packed.rows] == [row.text for row in whole.rows]


def test_pdfs_keep_their_place_and_nothing_else_is_taken_along(recognizer_table, data, tmp_path, one):
    root = tmp_path / "data"
    for place, source in (("x/paper.pdf", one), ("y/paper.pdf", one), ("y/note.pdf.txt", one)):
        (root / "pdfs" / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / "pdfs" / place)
    (root / "pdfs" / "empty.pdf").write_bytes(b"")
    shutil.copytree(data / "lines", root / "lines")
    recognizer_table["data"]["train"] = [{"kind": "pdf", "folder": "pdfs"}]
    (source,) = pack(recognizer_table, root, tmp_path / "pack")
    packed = tmp_path / "pack" / "data" / source.folder
    found = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
    assert found == {"x/paper.pdf", "y/paper.pdf"}


@pytest.mark.parametrize(
    "options",
    [["--lines", "-5"], ["--lines", "0"], ["--pages", "0"], ["--fonts", "-1"], ["--megabytes", "nan"]],
    ids=" ".join,
)
def test_limits_must_be_above_0(recognizer_table, data, tmp_path, capsys, options):
    assert command(recognizer_table, data, tmp_path, options) == 78
    assert "must be above 0" in capsys.readouterr().err


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_wheels_is_refused(recognizer_table, data, tmp_path, capsys, there):
    if there:
        (tmp_path / "wheels").mkdir()
    assert command(recognizer_table, data, tmp_path, ["--wheels", str(tmp_path / "wheels")]) == 78
    assert "no wheels" in capsys.readouterr().err


def command(table, data, folder, options):
    (folder / "tiny.json").write_text(json.dumps(table))
    place = ["--data", str(data), "--out", str(folder / "pack")]
    return main(["pack", str(folder / "tiny.json"), *place, *options])


def test_a_run_whose_teacher_is_maps_is_refused(detector_table, data, tmp_path):
    method = {"distill": "cml", "teacher": "maps"}
    with pytest.raises(ConfigError, match="maps"):
        pack(detector_table | {"method": method}, data, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
