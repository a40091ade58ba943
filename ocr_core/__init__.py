"""Reads text in images: model bundles, inference backends and the pipeline from photograph to lines."""
