"""Figures of quality: text F1, detection and end-to-end Hmean, crop accuracy."""
