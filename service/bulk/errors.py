"""What ends a run; whatever is wrong with a single file is an entry of the manifest instead."""

from __future__ import annotations

from ocr_core.errors import OcrError


class BulkError(OcrError):
    """A run that cannot begin as it was asked for: nothing was read or written."""

    code = "invalid_run"


class StoppedError(OcrError):
    """A run that cannot go on, for reasons that lie in none of its files; started again, it goes on from there."""

    code = "stopped"
