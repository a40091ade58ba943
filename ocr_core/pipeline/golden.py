"""What a bundle reads in its golden image, through the pipeline that serves."""

from __future__ import annotations

from ocr_core.bundle.golden import golden_pixels
from ocr_core.bundle.reader import Bundle
from ocr_core.pipeline.engine import Engine


def read_golden(bundle: Bundle) -> tuple[str, ...]:
    """Load the bundle into an engine of its own and return the lines that it reads in its golden image."""
    engine = Engine.load(bundle)
    try:
        return tuple(line.text for line in engine.read(golden_pixels(bundle)).lines)
    finally:
        engine.close()
