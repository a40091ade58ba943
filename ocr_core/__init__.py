"""Reads text in images: model bundles, inference backends and the pipeline from photograph to lines.

reader = ocr_core.load()
page = reader.read("receipt.jpg")
print(page.text)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocr_core.errors import OcrError
    from ocr_core.pipeline.result import Line, Page, ReadOptions, Word
    from ocr_core.reader import Reader, load

    __version__: str

__all__ = ["Line", "OcrError", "Page", "ReadOptions", "Reader", "Word", "__version__", "load"]

_HOMES = {
    "load": "reader",
    "Reader": "reader",
    "Page": "pipeline.result",
    "Line": "pipeline.result",
    "Word": "pipeline.result",
    "ReadOptions": "pipeline.result",
    "OcrError": "errors",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: the parts of this package are imported one by one, and most need little."""
    if name == "__version__":
        return importlib.import_module("ocr_core.version").program_version()
    if name in _HOMES:
        return getattr(importlib.import_module(f"ocr_core.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
