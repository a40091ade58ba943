"""Files of class centers, for Enhanced CTC (PP-OCRv2, eqs. 10 to 12)."""

from __future__ import annotations

from pathlib import Path

from ocr_core.charset import Charset
from trainer.checkpoint import read_tensors, write_tensors
from trainer.errors import ConfigError
from trainer.losses.center import Centers


def write_centers(path: Path, centers: Centers, charset: Charset) -> None:
    """Write centers with the characters that they belong to."""
    write_tensors(path, {"values": centers.values, "counts": centers.counts}, {"characters": list(charset.entries)})


def read_centers(path: Path, charset: Charset) -> Centers:
    """Read centers.

    Raises:
        ConfigError: no such file, or the centers of other characters.
    """
    tensors, meta = read_tensors(path)
    if tuple(meta.get("characters", ())) != charset.entries:
        raise ConfigError(f"{path} holds the centers of other characters than this run's")
    return Centers(tensors["values"], tensors["counts"])
