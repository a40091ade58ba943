"""Files of class centers, for Enhanced CTC (PP-OCRv2, eqs. 10 to 12)."""

from __future__ import annotations

from pathlib import Path

from ocr_core.charset import Charset
from trainer.checkpoint import file_sha256, read_tensors, write_tensors
from trainer.errors import ConfigError
from trainer.losses.center import Centers


def write_centers(path: Path, centers: Centers, charset: Charset, state: Path) -> None:
    """Write centers with the characters and the recognizer's state that they belong to."""
    meta = {"characters": list(charset.entries), "state": file_sha256(state)}
    write_tensors(path, {"values": centers.values, "counts": centers.counts}, meta)


def check_origin(path: Path, state: Path | None) -> None:
    """See to it that centers are those of the state that a run continues.

    Features of another recognizer, or of a random start, have nothing to do with them.

    Raises:
        ConfigError: they are not.
    """
    if state is None or read_tensors(path)[1].get("state") != file_sha256(state):
        raise ConfigError(f"{path} holds the centers of another state than --init: collect them from that one")


def read_centers(path: Path, charset: Charset) -> Centers:
    """Read centers.

    Raises:
        ConfigError: no such file, or the centers of other characters.
    """
    tensors, meta = read_tensors(path)
    if tuple(meta.get("characters", ())) != charset.entries:
        raise ConfigError(f"{path} holds the centers of other characters than this run's")
    return Centers(tensors["values"], tensors["counts"])
