"""Where teachers write the labels of a set: all of them or none, and over no labels that they were made from."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trainer.data.problems import Problems
from trainer.errors import ConfigError

log = logging.getLogger(__name__)

LABELS = "labels.jsonl"
SOURCES = ("teacher:", "relabelled:", "joined:")
"""What the `source` of a row begins with that a teacher made; the bundle's name and version follow."""


@contextmanager
def written_labels(out: Path, folder: Path) -> Iterator[TextIO]:
    """Open the labels of a new set for writing; they appear as `out/labels.jsonl` when all is written.

    Half a set would train as well as a whole one, and nobody would notice.

    Args:
        out: folder of the new set, made if need be.
        folder: of the images; its own labels stay.

    Raises:
        ConfigError: `out` holds the labels of `folder`, or labels that no teacher made, or cannot be written.
    """
    try:
        yield from _written(out, folder)
    except OSError as error:
        raise ConfigError(f"{out}: {error}") from error


def _written(out: Path, folder: Path) -> Iterator[TextIO]:
    target, own = out / LABELS, folder / LABELS
    if own.exists() and target.exists() and target.samefile(own):
        raise ConfigError(f"{target} would be overwritten: give another folder as --out")
    _require_no_others(target)
    out.mkdir(parents=True, exist_ok=True)
    aside = out / f".{LABELS}.{os.getpid()}"
    try:
        with aside.open("w", encoding="utf-8") as file:
            yield file
        _require_no_others(target)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _require_no_others(target: Path) -> None:
    # Of a set's `images/` the labels lie in the folder above; and what people wrote there is nowhere, of any set.
    if target.exists() and not _made_by_teachers(target):
        raise ConfigError(f"{target} has labels that no teacher made: give another folder as --out, or move them")


def require_some_read(problems: Problems, images: int) -> None:
    """Tell of the images that could not be read.

    Raises:
        ConfigError: all of them, as where labels lie without their images: a set of none would train as nothing.
    """
    unreadable = problems.counts["unreadable image"]
    if not unreadable:
        return
    said = f"{unreadable} of {images} images cannot be read, such as {problems.places[0][1]}"
    if unreadable == images:
        raise ConfigError(said)
    log.warning("%s: left out", said)


def _made_by_teachers(labels: Path) -> bool:
    """Say whether each row names a teacher as its source; an empty file holds nothing that could be lost."""
    for line in labels.read_text("utf-8", errors="replace").split("\n"):
        try:
            row = json.loads(line) if line.strip() else None
        except ValueError:
            return False
        if row is not None and not (isinstance(row, dict) and str(row.get("source", "")).startswith(SOURCES)):
            return False
    return True


def require_names(out: Path, images: Iterable[Path]) -> None:
    """Find out ahead of the work, at whose end they would be written, whether labels in `out` can name images.

    Raises:
        ConfigError: the name of one is no UTF-8.
    """
    for name in (name_in(out, image) for image in images):
        if name.encode(errors="replace").decode() != name:
            raise ConfigError(f"{name!a} is no UTF-8, which names in labels are: rename it")


def name_in(out: Path, image: Path) -> str:
    """Return how the labels of the set in `out` name an image that lies elsewhere.

    From where links lead to, since `..` behind one leads out of the folder that it stands for; but by its own name,
    which says whether it is kept for validation.
    """
    return Path(os.path.relpath(image.parent.resolve() / image.name, out.resolve())).as_posix()
