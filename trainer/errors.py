"""What stops a run on purpose, with the exit code that a scheduler acts on (sysexits.h)."""

from __future__ import annotations

EX_TEMPFAIL = 75
"""Stopped by SIGTERM with everything saved: start it again and it goes on."""
EX_CONFIG = 78
"""Wrong configuration or data: starting it again cannot help."""
EX_GATE = 79
"""Not good enough to be published: nor can it help here. The first number that sysexits.h leaves free."""


class TrainerError(Exception):
    """A problem of what the caller gave; the message says what to change."""

    exit_code = EX_CONFIG


class ConfigError(TrainerError):
    """A configuration, a state or a data set that this run cannot use."""


class GateError(TrainerError):
    """A model that is not good enough to be published."""

    exit_code = EX_GATE


class OccupiedError(TrainerError):
    """Another process trains in the same folder: start again when it has ended."""

    exit_code = EX_TEMPFAIL


class Interrupted(Exception):  # noqa: N818 - an event, not an error
    """SIGTERM arrived and the checkpoint is written."""

    exit_code = EX_TEMPFAIL
