"""The commands beside training: their answers, files and exit codes."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from ocr_core.pipeline.result import Line as ReadLine
from ocr_core.pipeline.result import Page
from ocr_core.scoring.datasets import read_set
from trainer.centers import read_centers, write_centers
from trainer.commands.check_data import check_data
from trainer.commands.cli import main
from trainer.commands.preview import _views, write_preview
from trainer.config import parse_config
from trainer.errors import EX_CONFIG, ConfigError
from trainer.losses.center import Centers
from trainer.run.sheets import sheet
from trainer.run.train import train
from trainer.tasks.recognition import RecognitionTask
from trainer.teach import label
from trainer.teach.collect_centers import collect_centers


def test_preview_draws_cores_alike_whatever_they_weigh():
    maps = {"threshold_map": np.full((1, 2, 2), 0.3, np.float16), "threshold_mask": np.zeros((1, 2, 2), np.uint8)}
    batch = maps | {"images": np.full((1, 2, 2, 3), 200, np.uint8), "shrink_map": np.ones((1, 2, 2), np.uint8)}
    plain, heavy = (_views(batch | {"shrink_mask": np.full((1, 2, 2), weight, np.uint8)})[0] for weight in (1, 4))
    assert (plain == heavy).all()


@pytest.mark.parametrize("kind", ["recognizer", "detector", "classifier"])
def test_preview_draws_a_sheet(kind, request, data, tmp_path):
    config = parse_config(request.getfixturevalue(f"{kind}_table"))
    write_preview(config, data, tmp_path / "sheet.png", 4)
    drawn = cv2.imread(str(tmp_path / "sheet.png"))
    assert drawn.shape[1] >= (96 * 2 if kind == "detector" else 60)
    assert drawn.std() > 10


def test_a_sheet_breaks_rows():
    tiles = [np.full((10, 60, 3), value, np.uint8) for value in (1, 2, 3)]
    laid = sheet(tiles, width=130)
    assert laid.shape == (26, 126, 3)
    assert [laid[5, 5, 0], laid[5, 70, 0], laid[20, 5, 0]] == [1, 2, 3]


def test_check_data_finds_what_training_would_leave_out(recognizer_table, tmp_path):
    images = {"a": (40, 100), "long": (40, 2000), "dense": (40, 80)}
    rows = [("a", "12"), ("long", "12"), ("dense", "1" * 30), ("a", "1?"), ("missing", "1")]
    for name, shape in images.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((*shape, 3), np.uint8))
    (tmp_path / "labels.jsonl").write_text("\n".join(json.dumps({"image": f"{n}.png", "text": t}) for n, t in rows))
    source = {"kind": "labels", "path": ".", "rows": "all"}
    recognizer_table["data"] |= {"train": [source], "validate_on": [source]}
    found = check_data(parse_config(recognizer_table), tmp_path)
    assert len(found) == 2
    assert (found[0].images, found[0].lines) == (5, 1)
    assert found[0].problems.counts == {
        "too long for its width": 2,
        "outside the charset": 1,
        "unreadable image": 1,
    }
    assert str(tmp_path / "long.png") in str(found[0])


def test_check_data_of_pages(detector_table, data):
    (first, _) = check_data(parse_config(detector_table), data)
    assert (first.images, first.lines, first.ignored) == (8, 24, 0)
    assert set(first.characters) <= set("0123456789")


def test_centers_are_means_of_lines_read_rightly(recognizer_table, data, tmp_path):
    task = RecognitionTask(parse_config(recognizer_table), data)
    with pytest.raises(ConfigError, match="read rightly"):
        collect_centers(task, 1, torch.device("cpu"))
    with torch.no_grad():  # a network that says blank always reads empty lines rightly, and no others
        task.student.head.classify.weight.zero_()
        task.student.head.classify.bias.copy_(torch.tensor([1.0] + [0.0] * 10))
    task.to_device = lambda batch, device: (
        RecognitionTask.to_device(task, batch, device)
        | {"lengths": torch.zeros(len(batch["lengths"]), dtype=torch.long)}
    )
    centers = collect_centers(task, 2, torch.device("cpu"))
    assert centers.counts[0] > 0
    assert not centers.counts[1:].any()


def test_centers_belong_to_their_characters(tmp_path, recognizer_table):
    charset = parse_config(recognizer_table).charset
    centers = Centers(torch.rand(11, 96), torch.arange(11))
    (tmp_path / "state").write_bytes(b"of a recognizer")
    write_centers(tmp_path / "c", centers, charset, tmp_path / "state")
    assert all(torch.equal(a, b) for a, b in zip(read_centers(tmp_path / "c", charset), centers, strict=True))
    other = parse_config(recognizer_table | {"characters": "abc"}).charset
    with pytest.raises(ConfigError, match="other characters"):
        read_centers(tmp_path / "c", other)


class Teacher:
    """An engine that is sure of one line and unsure of another."""

    @classmethod
    def load(cls, bundle):
        return cls()

    def read(self, pixels, options):
        quad = np.array([[1, 1], [9, 1], [9, 5], [1, 5]], np.float32)
        lines = tuple(ReadLine(text=t, confidence=c, quad=quad) for t, c in (("sure", 0.95), ("unsure", 0.5)))
        return Page(width=10, height=10, rotation=0, lines=lines if options.detect else lines[:1])

    def close(self):
        pass


class Named:
    ref = "teacher@1"


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.setattr(label, "Engine", Teacher)
    for name in ("a", "b"):
        path = tmp_path / "in" / "deep" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((10, 10, 3), np.uint8))
    return tmp_path / "in"


def test_pages_are_labelled_and_doubtful_lines_ignored(images, tmp_path):
    counts = label.label_images(Named, images, tmp_path / "out", crops=False, confidence=0.9)
    assert counts == {"rows": 2, "lines": 2, "unsure": 2}
    pages = read_set(tmp_path / "out")
    assert [(line.text, line.ignore) for line in pages.rows[0].lines] == [("sure", False), ("###", True)]
    assert all(pages.path(row).exists() for row in pages.rows)


def test_crops_are_labelled_if_the_teacher_is_sure(images, tmp_path):
    counts = label.label_images(Named, images, tmp_path / "out", crops=True, confidence=0.9)
    assert counts["rows"] == 2
    assert len((tmp_path / "out" / "labels.jsonl").read_text().splitlines()) == 2


def test_crops_of_which_none_is_sure_become_no_set(images, tmp_path):
    with pytest.raises(ConfigError, match="no line"):
        label.label_images(Named, images, tmp_path / "out", crops=True, confidence=0.99)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("confidence", ["nan", "-1", "90", "x"])
def test_a_confidence_is_a_share(confidence, capsys):
    for command in ("label", "relabel"):
        with pytest.raises(SystemExit) as error:
            main([command, "in", "--store", "s", "--bundle", "b", "--out", "o", "--min-confidence", confidence])
        assert error.value.code == 2
        assert confidence in capsys.readouterr().err


@pytest.fixture
def finder(monkeypatch):
    """The detector of the engine: it is half sure of every pixel."""

    def network(tensor):
        return np.full((1, 1, *tensor.shape[2:]), 0.5, np.float32)

    found = SimpleNamespace(network=network, prepare=lambda pixels: pixels.transpose(2, 0, 1)[None])
    engine = SimpleNamespace(networks=SimpleNamespace(detector=found), close=lambda: None)
    monkeypatch.setattr(label.Engine, "load", lambda bundle: engine)


@pytest.mark.usefixtures("finder")
def test_maps_overwrite_no_image(data, tmp_path):
    shutil.copytree(data / "pages" / "images", tmp_path / "orig" / "images")
    (tmp_path / "set").mkdir()
    originals = sorted((tmp_path / "orig" / "images").iterdir())
    before = [path.read_bytes() for path in originals]
    images = [f"../orig/images/{originals[0].name}", *map(str, originals[1:])]
    assert label.write_maps(Named, tmp_path / "set", images, tmp_path / "maps") == len(images)
    assert [path.read_bytes() for path in originals] == before
    assert len([path for path in (tmp_path / "maps").rglob("*") if path.is_file()]) == len(images)


@pytest.mark.usefixtures("finder")
def test_maps_that_would_overwrite_an_image_are_refused(data, tmp_path):
    shutil.copy(data / "pages" / "images" / "0.png", tmp_path / "a.png")
    shutil.copy(data / "pages" / "images" / "0.png", tmp_path / "a.png.png")
    with pytest.raises(ConfigError, match=r"map of a\.png would overwrite"):
        label.write_maps(Named, tmp_path, ["a.png", "a.png.png"], tmp_path)
    assert not (tmp_path / "a.png.png.png").exists()


@pytest.mark.usefixtures("finder")
def test_the_maps_of_a_bundles_detector_guide_a_student(detector_table, data, tmp_path):
    pages = read_set(data / "pages")
    maps, images = tmp_path / "maps", [row.image for row in pages.rows]
    assert label.write_maps(Named, data / "pages", images, maps) == len(images)
    source = detector_table["data"]["train"][0] | {"maps": str(maps)}
    table = detector_table | {"method": {"distill": "cml", "teacher": "maps"}}
    train(parse_config(table | {"data": table["data"] | {"train": [source]}}), tmp_path / "run", data)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert log[0]["loss/distill"] > 0


def test_no_images_to_label(tmp_path, monkeypatch):
    monkeypatch.setattr(label, "Engine", Teacher)
    with pytest.raises(ConfigError, match="no image"):
        label.label_images(Named, tmp_path, tmp_path / "out", crops=True, confidence=0.9)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "absent.toml"],
        ["preview", "absent.toml"],
        ["check-data", "absent.toml"],
        ["publish", "absent.toml", "--store", "s"],
        ["export", "absent.safetensors", "--out", "x.onnx"],
        ["export-net", "unheard-of", "--out", "x.onnx"],
        ["label", "folder", "--store", "empty", "--bundle", "none", "--out", "x"],
    ],
)
def test_what_cannot_be_found_exits_as_a_wrong_configuration(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == EX_CONFIG
    assert capsys.readouterr().err.strip()
