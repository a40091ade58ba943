"""The version of this program. It is written down in pyproject.toml and nowhere else."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """Return the installed version, `unknown` in a checkout that was never installed."""
    try:
        return version("ocr-service")
    except PackageNotFoundError:
        return "unknown"
