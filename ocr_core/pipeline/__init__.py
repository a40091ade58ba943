"""From the pixels of an image to its lines in reading order."""

from __future__ import annotations

from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import Line, Page, ReadOptions, Word

__all__ = ["Engine", "Line", "Page", "ReadOptions", "Word"]
