"""Contact sheets of what training sees, with its targets, so that a person can judge."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np

from ocr_core.charset import Charset
from ocr_core.preprocess import Pixels
from trainer.config import AnyRun
from trainer.data.stream import Arrays
from trainer.distributed import World
from trainer.run.sheets import captioned, sheet
from trainer.tasks.base import Task
from trainer.tasks.build import build_task
from trainer.tasks.direction import DirectionTask
from trainer.tasks.recognition import RecognitionTask


def write_preview(config: AnyRun, root: Path, path: Path, count: int) -> None:
    """Draw the first `count` training samples of a configuration into a PNG."""
    task = build_task(config, root)
    tiles: list[Pixels] = []
    for batch in itertools.islice(task.stream(0, World(), pin=False), count):
        tiles += _tiles(batch, task)
        if len(tiles) >= count:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), sheet(tiles[:count]))


def _tiles(batch: Arrays, task: Task) -> list[Pixels]:
    if isinstance(task, RecognitionTask):
        return _lines(batch, task.charset)
    if isinstance(task, DirectionTask):
        return _directions(batch)
    return _views(batch)


def _directions(batch: Arrays) -> list[Pixels]:
    """Return each line as the network sees it, above its label."""
    images = ((batch["images"].transpose(0, 2, 3, 1) + 1) * 127.5).astype(np.uint8)
    return [captioned(image, "180" if turned else "0") for image, turned in zip(images, batch["turned"], strict=True)]


def _lines(batch: Arrays, charset: Charset) -> list[Pixels]:
    """Return each line above its label; ticks show the frames whose class is known."""
    tiles = []
    for image, size, codes, length, targets in zip(
        *(batch[name] for name in ("images", "sizes", "labels", "lengths", "targets")), strict=True
    ):
        pixels = np.repeat(image[:, :size], 3, axis=2) if image.shape[2] == 1 else image[:, :size].copy()
        stride = image.shape[1] / len(targets)
        for frame in np.flatnonzero(targets >= 0):
            cv2.circle(pixels, (int((frame + 0.5) * stride), pixels.shape[0] - 1), 1, (0, 0, 255), -1)
        tiles.append(captioned(np.ascontiguousarray(pixels), charset.decode(codes[:length].tolist())))
    return tiles


def _views(batch: Arrays) -> list[Pixels]:
    """Return each view bare, and beside it with the cores green, the border bands red, and what is ignored blue."""
    tiles = []
    for index, image in enumerate(batch["images"]):
        shown = image.astype(np.float32)
        strength = (batch["threshold_map"][index].astype(np.float32) - 0.3) / 0.4
        for channel, weight in (
            (2, strength * batch["threshold_mask"][index]),
            (1, batch["shrink_map"][index]),
            (0, batch["shrink_mask"][index] == 0),
        ):
            shown[:, :, channel] += 0.6 * weight * (255 - shown[:, :, channel])
            for other in {0, 1, 2} - {channel}:
                shown[:, :, other] *= 1 - 0.5 * weight
        tiles.append(np.hstack([image, shown.astype(np.uint8)]))
    return tiles
