"""The version stands in pyproject.toml. What cannot read it there has a copy, and all copies are the same."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import ocr_core
from ocr_core.version import program_version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VERSION = PROJECT["version"]
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


@pytest.mark.parametrize("path", ["README.md", "docs/index.md"])
def test_the_python_that_is_asked_for_is_the_one_that_is_needed(path: str) -> None:
    asked = re.findall(r"Python (3\.\d+) or newer", (ROOT / path).read_text("utf-8"))
    assert asked == [PROJECT["requires-python"].removeprefix(">=")]


def test_make_asks_for_the_same_python() -> None:
    asked = re.findall(r"sys\.version_info >= \((\d+), (\d+)\)", (ROOT / "Makefile").read_text("utf-8"))
    assert [".".join(each) for each in asked] == [PROJECT["requires-python"].removeprefix(">=")]


def test_what_is_needed_is_there_for_the_oldest_python() -> None:
    """Told by the packages of which this machine has the oldest version that will do."""
    oldest = PROJECT["requires-python"].removeprefix(">=")
    for line in PROJECT["dependencies"]:
        requirement = Requirement(line)
        lower = max((Version(each.version) for each in requirement.specifier), default=None)
        found = distribution(requirement.name)
        if lower is not None and Version(found.version).release[:2] == lower.release[:2]:
            assert SpecifierSet(found.metadata["Requires-Python"] or "").contains(f"{oldest}.99"), line
