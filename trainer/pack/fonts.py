"""Fonts cut down to the characters that are drawn: a few kilobytes each instead of hundreds."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from trainer.render.fonts import ESSENTIAL, LOWERCASE, Face

log = logging.getLogger(__name__)

NAMES = [1, 2, 16, 17]
"""Records of the name table that say the family and the style; the rest is licences and trade marks."""


def pack_fonts(faces: Sequence[Face], characters: Iterable[str], count: int, out: Path) -> int:
    """Write up to `count` faces below `out`, cut down to `characters`; return how many there are.

    Letters and digits stay in any case: by them fonts are measured, and told from fonts of signs. Files keep their
    place below the root: a font's kind is partly told by its folder.
    """
    written, wanted = 0, frozenset(characters) | ESSENTIAL | LOWERCASE
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    for face in _evenly(faces):
        if written == count:
            break
        source = Path(face.path)
        try:
            content = _subset(source, wanted & face.characters | {" "})
        except Exception as error:  # fontTools raises whatever a broken table provokes
            log.info("%s left out: %s", source, error)
            continue
        target = out / source.relative_to(source.anchor)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        written += 1
    return written


def _subset(source: Path, characters: frozenset[str]) -> bytes:
    options = Options(name_IDs=NAMES, layout_features=[], hinting=False, notdef_outline=True, glyph_names=False)
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "kern", "DSIG", "FFTM"]
    content = BytesIO()
    with TTFont(source) as font:
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=map(ord, characters))
        subsetter.subset(font)
        font.save(content)
    return content.getvalue()


def _evenly(faces: Sequence[Face]) -> Iterator[Face]:
    """Yield one face of each family, then a second of each that has one, and so on."""
    families: dict[tuple[str, str], list[Face]] = defaultdict(list)
    for face in sorted(faces, key=lambda face: (face.italic, face.bold, face.path)):
        families[face.kind, face.family].append(face)
    for turn in range(max(map(len, families.values()), default=0)):
        yield from (cuts[turn] for cuts in families.values() if turn < len(cuts))
