"""Packs: a folder that trains elsewhere, with nothing of this machine but its packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocr_core.charset import Charset
from ocr_core.scoring.datasets import PageSet, read_set
from trainer.config import load_config, parse_config
from trainer.errors import EX_TEMPFAIL, ConfigError
from trainer.pack.fonts import pack_fonts
from trainer.pack.labelled import pack_lines, pack_pages
from trainer.pack.write import Limits, write_pack
from trainer.render.corpus import Corpus
from trainer.render.fonts import ESSENTIAL, LOWERCASE, FontLibrary, matplotlib_fonts
from trainer.render.texts import read_texts, write_texts

LIMITS = Limits(fonts=3, text_bytes=2000, lines=5, pages=3)


def test_fonts_keep_their_family_and_only_the_glyphs_that_are_drawn(tmp_path):
    faces = FontLibrary.from_folders([matplotlib_fonts()]).faces
    letters = frozenset("Éé")
    assert pack_fonts(faces, letters, 4, tmp_path) == 4
    packed = FontLibrary.from_folders([tmp_path]).faces
    names = {Path(face.path).name for face in packed}
    before = {Path(face.path).name: face for face in faces}
    assert len(names) == 4
    for face in packed:
        known = before[Path(face.path).name]
        assert (face.family, face.bold, face.italic) == (known.family, known.bold, known.italic)
        assert face.characters == known.characters & (letters | ESSENTIAL | LOWERCASE)


def test_texts_come_back_as_they_were_written(tmp_path, monkeypatch):
    found = Corpus(frozenset("abcdefghij"), {"en": [f"{a}{b}" for a in "abcdefghij" for b in "abcdefghij"]})
    monkeypatch.setattr(Corpus, "installed", lambda characters, **_: found)
    assert write_texts(tmp_path / "texts", found.characters, 1000) > 0
    read = read_texts(tmp_path / "texts", frozenset("abcdefgh"))
    assert read.words_of("en") == [f"{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
    assert read.paragraphs_of("en") == []


def test_lines_are_packed_as_crops_or_with_their_surroundings(data, tmp_path):
    pages = read_set(data / "pages")
    assert pack_lines(pages, Charset("0123456789"), 5, tmp_path / "crops", recut=False, grey=True) == 5
    assert pack_lines(pages, Charset("0123456789"), 5, tmp_path / "words", recut=True, grey=True) == 5
    crops, words = read_set(tmp_path / "crops"), read_set(tmp_path / "words")
    assert isinstance(words, PageSet)
    assert [row.text for row in crops.rows] == [row.lines[0].text for row in words.rows]


def test_pages_are_packed_with_their_labels(data, tmp_path):
    pages = read_set(data / "pages")
    assert pack_pages(pages, 3, tmp_path / "some") == 3
    packed = read_set(tmp_path / "some")
    assert packed.rows[0].lines == pages.rows[0].lines


def pack(table, data, out, **limits) -> Path:
    drawn = {"kind": "rendered", "fonts": "matplotlib", "photographs": "pages"}
    for source in ("train", "validate_on"):
        table["data"][source] = [*table["data"][source], drawn | {"count": 4}]
    write_pack(parse_config(table), data, out, Limits(**(LIMITS.__dict__ | limits)))
    return out


def test_a_pack_trains_with_its_own_code_and_data_alone(detector_table, data, tmp_path):
    out = pack(detector_table | {"schedule": {"steps": 1}}, data, tmp_path / "pack")
    done = run(out, "tiny.json")
    assert done.returncode == 0, done.stderr
    assert (out / "run" / "best.safetensors").exists()


def test_a_pack_goes_on_over_several_calls(recognizer_table, data, tmp_path):
    out = pack(recognizer_table | {"schedule": {"steps": 2}}, data, tmp_path / "pack")
    codes = [run(out, "tiny.json", "--set", "compute.seconds=0.001").returncode for _ in range(2)]
    assert codes == [EX_TEMPFAIL, 0]


def test_a_pack_needs_neither_what_draws_nor_what_exports(recognizer_table, data, tmp_path):
    out = pack(recognizer_table | {"schedule": {"steps": 1}}, data, tmp_path / "pack")
    for name in ("tensorboard", "tqdm", "matplotlib", "onnx", "onnxruntime", "openvino"):
        (out / "code" / f"{name}.py").write_text(f"raise ImportError('{name} is not there')\n")
    done = run(out, "tiny.json")
    assert done.returncode == 0, done.stderr
    assert (out / "run" / "best.safetensors").exists()


def run(out: Path, config: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer", "train", config, "--data", "data", "--run", "run", *more]
    environment = {**os.environ, "PYTHONPATH": "code", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, check=False)


def test_a_pack_names_what_it_holds(recognizer_table, data, tmp_path):
    out = pack(recognizer_table, data, tmp_path / "pack")
    config = load_config(out / "tiny.json")
    assert [source.kind for source in config.data.train] == ["labels", "rendered"]
    assert all((out / "data" / source.path).is_dir() for source in config.data.train if source.kind == "labels")
    assert json.loads((out / "tiny.json").read_text())["data"]["train"][1]["fonts"] == "fonts"


def test_a_pack_that_is_too_large_is_refused(recognizer_table, data, tmp_path):
    with pytest.raises(ConfigError, match="more than"):
        pack(recognizer_table, data, tmp_path / "pack", megabytes=0.01)


def test_a_pack_does_not_overwrite(recognizer_table, data, tmp_path):
    with pytest.raises(ConfigError, match="exists"):
        pack(recognizer_table, data, tmp_path)
