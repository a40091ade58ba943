"""Fonts for signs and scripts, which Debian has few of: npm's @fontsource packages as files that can be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fontTools.ttLib import TTFont

LISTED = Path(__file__).with_name("web_fonts.txt")
INSTALLED = Path("/usr/local/share/fonts/web")
"""One of the folders that `FontLibrary.default` looks into; the folder below it names the kind of its faces."""
WEIGHTS = (400, 700)


def listed(path: Path = LISTED) -> Iterator[tuple[str, str]]:
    """Yield the families of a list, each with its kind."""
    kind = ""
    for line in path.read_text("utf-8").splitlines():
        header = re.fullmatch(r"\[(\w+)\]", line)
        if header:
            kind = header[1]
        elif not line.startswith("#"):
            yield from ((family, kind) for family in line.split())


def install(packages: Path, out: Path = INSTALLED) -> int:
    """Unpack the Latin faces of what npm installed below `packages`; return how many there are.

    A family has a face of weight 400, and of 700 where it comes in bold.

    Raises:
        FileNotFoundError: no listed family lies there.
    """
    written = 0
    for family, kind in listed():
        for weight in WEIGHTS:
            file = packages / f"node_modules/@fontsource/{family}/files/{family}-latin-{weight}-normal.woff"
            if file.exists():
                _unpack(file, out / kind)
                written += 1
    if not written:
        raise FileNotFoundError(f"no family of {LISTED.name} below {packages}/node_modules/@fontsource")
    return written


def _unpack(file: Path, folder: Path) -> None:
    """Write a WOFF file as the TrueType or OpenType file that it is packed from."""
    folder.mkdir(parents=True, exist_ok=True)
    with TTFont(file) as font:
        font.flavor = None
        font.save(folder / file.with_suffix(".otf" if "CFF " in font else ".ttf").name)
