"""A page that was read, as bytes: nothing of it is lost, so that every format can be made of it later."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ocr_core.pipeline.result import Line, Page, Quad, Word
from service.engine.image_job import Reading
from service.errors import JobFilesLostError

LEVEL = 1
"""Of compression: words and their boxes shrink to an eighth in a millisecond."""


def dump_page(reading: Reading) -> bytes:
    """Return a page as it is kept."""
    page = reading.page
    kept = {
        "width": page.width,
        "height": page.height,
        "rotation": page.rotation,
        "number": page.number,
        "source": page.source,
        "dpi": page.dpi,
        "lines": [_dump(line) | {"words": [_dump(word) for word in line.words]} for line in page.lines],
        "sources": [line.source for line in page.lines],
        "typed": [(line.typed, line.space) for line in page.lines],
        "seconds": reading.seconds,
    }
    return gzip.compress(json.dumps(kept, ensure_ascii=False).encode("utf-8", "surrogatepass"), LEVEL, mtime=0)


def load_page(data: bytes, *, words: bool) -> Reading:
    """Return a page that was kept, without its words if they are not wanted.

    Raises:
        JobFilesLostError: it is damaged, or was kept by another version.
    """
    try:
        return _reading(json.loads(gzip.decompress(data).decode("utf-8", "surrogatepass")), words=words)
    except (OSError, EOFError, zlib.error, ValueError, TypeError, LookupError, AttributeError) as error:
        raise JobFilesLostError("a page of this job is damaged") from error


def _reading(kept: dict[str, Any], *, words: bool) -> Reading:
    plain = [("", 0.0)] * len(kept["lines"])
    lines = [
        Line(
            **_load(line),
            words=tuple(Word(**_load(word)) for word in line["words"]) if words else (),
            source=source,
            typed=typed,
            space=space,
        )
        for line, source, (typed, space) in zip(
            kept.pop("lines"), kept.pop("sources"), kept.pop("typed", plain), strict=True
        )
    ]
    seconds = kept.pop("seconds")
    return Reading(Page(lines=tuple(lines), **kept), seconds)


def _dump(item: Line | Word) -> dict[str, Any]:
    return {"text": item.text, "confidence": float(item.confidence), "quad": np.asarray(item.quad).tolist()}


def _load(item: dict[str, Any]) -> dict[str, Any]:
    return {"text": item["text"], "confidence": item["confidence"], "quad": _quad(item["quad"])}


def _quad(corners: Sequence[Sequence[float]]) -> Quad:
    return np.array(corners, np.float32)
