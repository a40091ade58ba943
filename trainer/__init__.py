"""Training of text detectors and recognizers by the recipe of PP-OCRv2; the only package that imports torch."""
