"""The version stands in pyproject.toml. What cannot read it there has a copy, and all copies are the same."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import ocr_core
from ocr_core.version import program_version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
COPIES = re.compile(
    r"(?:^ARG VERSION=|\bOCR_VERSION:-|\bnewTag: |\bocr-(?:service|trainer):|\bocr_service-)(\d+\.\d+\.\d+)",
    re.MULTILINE,
)
FILES = sorted(
    path
    for pattern in ("README.md", "Makefile", "docker-compose.yml", "docker/*.Dockerfile", "docs/*.md", "k8s/**/*.yaml")
    for path in ROOT.glob(pattern)
)


def test_the_installed_version_is_that_of_the_project() -> None:
    assert program_version() == ocr_core.__version__ == VERSION


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_copies_are_the_same(path: Path) -> None:
    assert set(COPIES.findall(path.read_text("utf-8"))) <= {VERSION}


def test_copies_are_found() -> None:
    found = [path.name for path in FILES if COPIES.search(path.read_text("utf-8"))]
    assert {"README.md", "Makefile", "docker-compose.yml", "service.Dockerfile", "trainer.Dockerfile"} <= set(found)
    assert len(found) > 10
