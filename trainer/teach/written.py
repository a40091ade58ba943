"""Where teachers write the labels of a set: all of them or none, and over no labels that they were made from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trainer.errors import ConfigError

LABELS = "labels.jsonl"


@contextmanager
def written_labels(out: Path, folder: Path) -> Iterator[TextIO]:
    """Open the labels of a new set for writing; they appear as `out/labels.jsonl` when all is written.

    Half a set would train as well as a whole one, and nobody would notice.

    Args:
        out: folder of the new set, made if need be.
        folder: of the images; its own labels stay.

    Raises:
        ConfigError: `out` holds the labels of `folder`.
    """
    target, own = out / LABELS, folder / LABELS
    if own.exists() and target.exists() and target.samefile(own):
        raise ConfigError(f"{target} would be overwritten: give another folder as --out")
    out.mkdir(parents=True, exist_ok=True)
    aside = out / f".{LABELS}.{os.getpid()}"
    try:
        with aside.open("w", encoding="utf-8") as file:
            yield file
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def name_in(out: Path, image: Path) -> str:
    """Return how the labels of the set in `out` name an image that lies elsewhere.

    From where links lead to, since `..` behind one leads out of the folder that it stands for; but by its own name,
    which says whether it is kept for validation.
    """
    return Path(os.path.relpath(image.parent.resolve() / image.name, out.resolve())).as_posix()
