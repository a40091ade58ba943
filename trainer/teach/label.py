"""A bundle of the store as a teacher: its readings label images, its maps guide a detector."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ocr_core.bundle.reader import Bundle
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import Page, ReadOptions
from ocr_core.preprocess import Pixels
from trainer.data.crops import read_image
from trainer.data.page_sources import map_path
from trainer.data.problems import Problems
from trainer.data.readers import IMAGE_SUFFIXES
from trainer.errors import ConfigError
from trainer.teach.written import name_in, require_names, require_some_read, written_labels

UNSURE = "###"


def label_images(bundle: Bundle, folder: Path, out: Path, *, crops: bool, confidence: float) -> dict[str, int]:
    """Read the images below `folder` and write `out/labels.jsonl`; return how many rows and lines it has.

    Args:
        bundle: the teacher.
        folder: unlabelled images.
        out: folder of the new set; its rows point to the images where they lie.
        crops: each image is one line; else each is a page.
        confidence: a line that the teacher is less sure of is left out, or on a page marked as unreadable.

    Raises:
        ConfigError: there is no image that can be read, no single line that is sure, or `out` takes no labels.
    """
    options = ReadOptions(detect=not crops, min_confidence=0.0)
    counts = {"rows": 0, "lines": 0, "unsure": 0}
    paths, problems = _images(folder), Problems()
    require_names(out, paths)
    engine = Engine.load(bundle)
    try:
        with written_labels(out, folder) as file:
            for path in paths:
                pixels = read_image(path, problems)
                if pixels is None:
                    continue
                page = engine.read(pixels, options)
                sure = sum(line.confidence >= confidence for line in page.lines)
                counts["lines"] += sure
                counts["unsure"] += len(page.lines) - sure
                row = _crop_row(page, confidence) if crops else _page_row(page, confidence)
                if row is not None:
                    row |= {"image": name_in(out, path), "source": f"teacher:{bundle.ref}"}
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    counts["rows"] += 1
            require_some_read(problems, len(paths))
            if not counts["rows"]:
                raise ConfigError(f"no line below {folder} was read with a confidence of {confidence}")
    finally:
        engine.close()
    return counts


def write_maps(bundle: Bundle, folder: Path, images: Iterable[str], out: Path) -> int:
    """Write the detector's probability map of each image (named relative to `folder`) as a grey PNG below `out`.

    A map has the size that the detector computed it in; it is scaled to the page when it is used.

    Raises:
        ConfigError: a map would overwrite an image; none is written.
    """
    images = list(images)
    originals = {(folder / image).resolve() for image in images}
    for image in images:
        if map_path(out, image).resolve() in originals:
            raise ConfigError(f"the map of {image} would overwrite an image: give a folder of maps alone as --out")
    engine = Engine.load(bundle)
    detector, written = engine.networks.detector, 0
    try:
        for image in images:
            pixels = read_image(folder / image, Problems())
            if pixels is None:
                continue
            probability = detector.network(detector.prepare(pixels))[0, 0]
            _write_map(map_path(out, image), np.round(probability * 255).astype(np.uint8))
            written += 1
    finally:
        engine.close()
    return written


def _write_map(path: Path, pixels: Pixels) -> None:
    """Write a map aside and rename it, so that nobody meets half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _images(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise ConfigError(f"no image below {folder}")
    return paths


def _crop_row(page: Page, confidence: float) -> dict[str, Any] | None:
    lines = [line for line in page.lines if line.confidence >= confidence and line.text]
    return {"text": lines[0].text} if lines else None


def _page_row(page: Page, confidence: float) -> dict[str, Any]:
    lines = []
    for line in page.lines:
        sure = line.confidence >= confidence
        points = [[round(float(x), 1), round(float(y), 1)] for x, y in line.quad]
        lines.append({"points": points, "text": line.text if sure else UNSURE, "ignore": not sure})
    return {"lines": lines, "granularity": "line"}
