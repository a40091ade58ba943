"""A labelled set made from another one by a bundle: the same images, other labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ocr_core.bundle.reader import Bundle
from ocr_core.pipeline.engine import Engine
from ocr_core.preprocess import Pixels
from ocr_core.scoring.datasets import CropRow, CropSet, LabelledSet, PageRow, PageSet
from trainer.data.crops import read_image
from trainer.data.problems import Problems
from trainer.errors import ConfigError
from trainer.teach.written import name_in, require_names, require_some_read, written_labels

LinesOf = Callable[[Engine, Pixels, PageRow], tuple[list[dict[str, Any]], str]]
"""Makes the new lines of a page, as `labels.jsonl` has them, from its H×W×3 BGR pixels and its row; and says whether
they are words or lines (`granularity`)."""
TextOf = Callable[[Engine, Pixels, CropRow], str]
"""Makes the new text of a crop from its H×W×3 BGR pixels and its row; none leaves it out."""
Row = TypeVar("Row", PageRow, CropRow)


def write_pages(bundle: Bundle, rows: LabelledSet, out: Path, lines_of: LinesOf, source: str) -> None:
    """Write `out/labels.jsonl`, pointing to the images where they lie; those that cannot be read are left out.

    Args:
        bundle: the teacher.
        rows: the pages.
        out: folder of the new set.
        lines_of: makes the lines of each.
        source: what is said of where the labels come from.

    Raises:
        ConfigError: the set holds single lines, none of its images can be read, or `out` takes no labels.
    """
    if not isinstance(rows, PageSet):
        raise ConfigError("only pages are taken: this set holds single lines")

    def made(engine: Engine, pixels: Pixels, row: PageRow) -> dict[str, Any]:
        lines, granularity = lines_of(engine, pixels, row)
        # Lines joined of words stand in another order.
        kept = {"lang": row.lang, "ordered": row.ordered and len(lines) == len(row.lines)}
        return {"lines": lines, "granularity": granularity} | {name: value for name, value in kept.items() if value}

    _write(bundle, rows, rows.rows, out, made, source)


def write_crops(bundle: Bundle, rows: CropSet, out: Path, text_of: TextOf, source: str) -> None:
    """Write `out/labels.jsonl` of single lines, as `write_pages` does of pages.

    Raises:
        ConfigError: none of the images can be read, no line is left, or `out` takes no labels.
    """

    def made(engine: Engine, pixels: Pixels, row: CropRow) -> dict[str, Any] | None:
        text = text_of(engine, pixels, row)
        return {"text": text} if text else None

    _write(bundle, rows, rows.rows, out, made, source)


def _write(
    bundle: Bundle,
    labelled: LabelledSet,
    rows: tuple[Row, ...],
    out: Path,
    made: Callable[[Engine, Pixels, Row], dict[str, Any] | None],
    source: str,
) -> None:
    problems, written = Problems(), 0
    require_names(out, map(labelled.path, rows))
    engine = Engine.load(bundle)
    try:
        with written_labels(out, labelled.folder) as file:
            for row in rows:
                path = labelled.path(row)
                pixels = read_image(path, problems)
                label = None if pixels is None else made(engine, pixels, row)
                if label is None:
                    continue
                whole = {"image": name_in(out, path), **label, "source": f"{source}:{bundle.ref}"}
                file.write(json.dumps(whole, ensure_ascii=False) + "\n")
                written += 1
            require_some_read(problems, len(rows))
            if not written:
                raise ConfigError(
                    f"no line of {labelled.folder} is left: {bundle.ref} is sure of other texts, or none is labelled"
                )
    finally:
        engine.close()
