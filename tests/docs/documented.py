"""The commands and the programs that the documentation shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pages() -> list[Path]:
    """Return the README, the documentation and the README of the client; decisions tell of what was, and show none."""
    docs = [path for path in sorted((ROOT / "docs").rglob("*.md")) if not path.is_symlink()]
    return [ROOT / "README.md", *docs, ROOT / "clients/python/README.md"]


def blocks(page: Path, language: str) -> Iterator[str]:
    """Give the blocks of code of a page in one language."""
    for match in re.finditer(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        yield match[1]


def commands(page: Path) -> Iterator[str]:
    """Give what stands behind the prompts of a page, with the lines that go on where one ends."""
    for block in blocks(page, "console"):
        for match in re.finditer(r"^\$ ((?:.*\\\n)*.*(?:\n[ ]{2,}.*)*(?:\n *done)?)", block, re.MULTILINE):
            yield re.sub(r"\s+#\s.*$", "", match[1], flags=re.MULTILINE).strip()


def commands_by_page() -> list[tuple[str, str]]:
    """Return the name of a page and a command, for every command."""
    return [(str(page.relative_to(ROOT)), command) for page in pages() for command in commands(page)]
