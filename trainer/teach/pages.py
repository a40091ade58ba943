"""A labelled set of pages made from another one by a bundle: the same images, other lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ocr_core.bundle.reader import Bundle
from ocr_core.pipeline.engine import Engine
from ocr_core.preprocess import Pixels
from ocr_core.scoring.datasets import LabelledSet, PageRow, PageSet
from trainer.data.crops import read_image
from trainer.data.problems import Problems
from trainer.errors import ConfigError
from trainer.teach.written import name_in, require_some_read, written_labels

LinesOf = Callable[[Engine, Pixels, PageRow], tuple[list[dict[str, Any]], str]]
"""Makes the new lines of a page, as `labels.jsonl` has them, from its H×W×3 BGR pixels and its row; and says whether
they are words or lines (`granularity`)."""


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
        raise ConfigError("only pages are relabelled: label single lines by `trainer label --crops`")
    problems = Problems()
    engine = Engine.load(bundle)
    try:
        with written_labels(out, rows.folder) as file:
            for row in rows.rows:
                path = rows.path(row)
                pixels = read_image(path, problems)
                if pixels is None:
                    continue
                lines, granularity = lines_of(engine, pixels, row)
                made = {"image": name_in(out, path), "lines": lines, "granularity": granularity}
                made["source"] = f"{source}:{bundle.ref}"
                file.write(json.dumps(made, ensure_ascii=False) + "\n")
            require_some_read(problems, len(rows.rows))
    finally:
        engine.close()
