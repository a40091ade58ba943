"""Small labelled sets, drawn once, and configurations of tiny runs on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from trainer.checkpoint import portable, write_tensors
from trainer.config import parse_config
from trainer.tasks.build import build_task

torch.set_num_threads(1)
Table = dict[str, Any]


def draw(image: np.ndarray, text: str, x: int, y: int, size: float = 1.0) -> list[list[int]]:
    """Write text with its baseline's start at (x, y); return its box as points."""
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, 2
    (width, height), below = cv2.getTextSize(text, font, size, thickness)
    cv2.putText(image, text, (x, y), font, size, (0, 0, 0), thickness, cv2.LINE_AA)
    left, top, right, bottom = x - 2, y - height - 3, x + width + 2, y + below
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `lines`, 24 crops of digits, and `pages`, 8 pages of three lines of digits."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    _write_set(root / "lines", [_crop(rng) for _ in range(24)])
    _write_set(root / "pages", [_page(rng) for _ in range(8)])
    return root


def _write_set(folder: Path, samples: list[tuple[np.ndarray, Table]]) -> None:
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.jsonl").open("w") as file:
        for number, (image, row) in enumerate(samples):
            cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
            file.write(json.dumps({"image": f"images/{number}.png"} | row) + "\n")


def _crop(rng: np.random.Generator) -> tuple[np.ndarray, Table]:
    text = "".join(map(str, rng.integers(0, 10, rng.integers(2, 5))))
    image = np.full((36, 24 * len(text), 3), 240, np.uint8)
    draw(image, text, 4, 28)
    return image, {"text": text}


def _page(rng: np.random.Generator) -> tuple[np.ndarray, Table]:
    image = np.full((160, 160, 3), 230, np.uint8)
    texts = ["".join(map(str, rng.integers(0, 10, 4))) for _ in range(3)]
    lines = [
        {"points": draw(image, text, int(rng.integers(5, 60)), 40 + 50 * number), "text": text, "ignore": False}
        for number, text in enumerate(texts)
    ]
    return image, {"lines": lines, "granularity": "line"}


@pytest.fixture
def recognizer_table() -> Table:
    """A recognizer's run of four steps on the crops."""
    source = {"kind": "labels", "path": "lines", "rows": "all"}
    return {
        "task": "recognizer",
        "name": "tiny",
        "characters": "0123456789",
        "net": {"backbone": "lcnet_fast", "neck": "mixer", "hidden": 16, "grey": True},
        "optimizer": {"lr": 1e-3},
        "schedule": {"steps": 4, "warmup": 1},
        "compute": {"device": "cpu", "threads": 1, "workers": 0, "log_every": 2, "validate_every": 100},
        "data": {
            "batch": 4,
            "group": 2,
            "widths": [48, 96],
            "train": [source],
            "validate_on": [source | {"limit": 4}],
        },
    }


@pytest.fixture
def classifier_table() -> Table:
    """A direction classifier's run of two steps on the crops."""
    source = {"kind": "labels", "path": "lines", "rows": "all"}
    return {
        "task": "classifier",
        "name": "tiny",
        "characters": "0123456789",
        "schedule": {"steps": 2},
        "compute": {"device": "cpu", "threads": 1, "workers": 0, "log_every": 1, "validate_every": 100},
        "data": {"batch": 4, "train": [source], "validate_on": [source | {"limit": 4}]},
    }


@pytest.fixture
def detector_table() -> Table:
    """A detector's run of two steps on the pages."""
    source = {"kind": "labels", "path": "pages", "rows": "all"}
    return {
        "task": "detector",
        "name": "tiny",
        "schedule": {"steps": 2},
        "compute": {"device": "cpu", "threads": 1, "workers": 0, "log_every": 1, "validate_every": 100},
        "serving": {"max_side": 160},
        "data": {
            "batch": 2,
            "group": 2,
            "size": 96,
            "train": [source],
            "validate_on": [source | {"limit": 2}],
        },
    }


@pytest.fixture
def runs(recognizer_table, detector_table, classifier_table, data, tmp_path) -> Path:
    """States of networks that learned nothing."""
    torch.manual_seed(0)
    for name, table in (("rec", recognizer_table), ("det", detector_table), ("cls", classifier_table)):
        config = parse_config(table)
        meta = {"config": config.model_dump(mode="json")}
        write_tensors(tmp_path / name / "state.safetensors", portable(build_task(config, data).student), meta)
    return tmp_path
