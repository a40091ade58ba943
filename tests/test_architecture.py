"""docs/architecture.md says where everything lies; here it is held to what is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def drawn() -> dict[str, set[str]]:
    """Return what the tree names below each package and below each wing that has parts."""
    (tree,) = re.findall(r"```\n(service/.*?)```", PAGE, re.DOTALL)
    found: dict[str, set[str]] = {}
    package = wing = ""
    for line in tree.splitlines():
        names = re.findall(r"\w+(?:/|\.py)", line)
        if not line.startswith(" "):
            package = names[0] if names else package
        elif line.startswith("    "):
            found.setdefault(wing, set()).update(names)
        else:
            wing = package + names[-1]
            found.setdefault(package, set()).update(names)
    return found


def lying(folder: Path) -> set[str]:
    """Return the packages and modules in a folder."""
    modules = {path.name for path in folder.glob("*.py") if not path.name.startswith("__")}
    return modules | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}


def test_the_tree_names_what_lies_in_each_package() -> None:
    tree = drawn()
    packages = ["service/", "trainer/", "ocr_core/"]
    assert {name: tree[name] for name in packages} == {name: lying(ROOT / name) for name in packages}
    for wing in tree.keys() - packages:
        assert tree[wing] == {name for name in lying(ROOT / wing) if name.endswith("/")}


def test_a_request_passes_twelve_files_at_most_and_none_twice() -> None:
    files = re.findall(r"^\| \d+ \| `([\w/]+\.py)` \|", PAGE, re.MULTILINE)
    assert 8 <= len(files) <= 12
    assert len(set(files)) == len(files)
    assert all((ROOT / file).is_file() for file in files)
