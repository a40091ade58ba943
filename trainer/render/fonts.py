"""The fonts at hand: which characters each covers, what kind of face it is, and how often it is drawn."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageFont

from trainer.render.draws import Weighted

SUFFIXES = (".ttf", ".otf")
ESSENTIAL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
LOWERCASE = frozenset("abcdefghijklmnopqrstuvwxyz")
# Codepoints worth remembering: Latin, punctuation, currency, letterlike, arrows, ticks.
HIGHEST = 0x2800
EXCLUDED_FILE = Path(__file__).with_name("excluded_fonts.txt")
INSTALLED = (
    Path("/usr/share/fonts"),
    Path("/usr/share/texmf/fonts/opentype"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
)

KINDS = ("sans", "serif", "book", "mono", "typewriter", "bitmap", "condensed", "display", "poster", "sign", "script")
_RULES = (
    # Folders of `trainer.render.web_fonts`.
    ("poster", r"/fonts/web/poster/"),
    ("sign", r"/fonts/web/sign/"),
    ("script", r"/fonts/web/script/"),
    (
        "display",
        r"aenigma|georgewilliams|lobster|dancing|kaushan|leckerli|comic|humor|breip|femke|bwht|sjfont|rufscript|"
        r"tomson|ecolier|isabella|okolaks|apropal|bajaderka|havana|staypuft|radis|cabinsketch|ubuntu-title|eurofurence|"
        r"engadget|blankenburg|summersby|oldania|irianis|solothurn|dustismo|domestic|balker|cegui|league-?spartan|"
        r"bebas|chancery|z003|essays|junicode|elstob|nimbus.*script|dseg|purisa|sawasdee|waree|comfortaa",
    ),
    (
        "bitmap",
        r"terminus|3270|glasstty|unifont|spleen|proggy|sixtyfour|px437|pxplus|/pc/|ac437|vga|ocr-?[ab]|/fonts-pc",
    ),
    ("typewriter", r"courier|typewriter|typist|gnutypewriter|nimbusmono|cousine|freemono|lmmono|cmuntt|cmuntb|tlwgtyp"),
    ("condensed", r"condensed|narrow|compressed|kaffeesatz|[-_ ]cn\b|cond\b|roadgeek|opendin"),
    (
        "book",
        r"libertine|garamond|gentium|vollkorn|oldstandard|century|goudy|linden|fanwood|didot|artemisia|bodoni|cardo|"
        r"accanthis|baskervald|berenis|romande|tribun|stix|prociono|arapey|averia-?serif|yrsa|rasa|centaur|cmu|lmroman|"
        r"schola|pagella|bookman|c059|p052|charis|doulos|caslon|museum",
    ),
)
_COMMON = re.compile(
    r"dejavu|liberation|arimo|tinos|carlito|caladea|freesans|freeserif|texgyre|nimbus|noto ?sans$|noto ?serif$|"
    r"open ?sans$|lato$|roboto|courier|cousine|gillius|universalis|termes|heros|cursor|latin modern|cmu",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Face:
    """One font file: `characters` are those below U+2800 that its character map covers."""

    path: str
    family: str
    kind: str
    bold: bool
    italic: bool
    characters: frozenset[str]


class FontLibrary:
    """Faces drawn by kind, then by family, then within the family, so that a family of 40 cuts counts once.

    A family known from everyday print weighs eight times another one.
    """

    def __init__(self, faces: Sequence[Face]) -> None:
        if not faces:
            raise ValueError("no usable font: install the packages of trainer/render/fonts.txt or matplotlib")
        self.faces = tuple(faces)
        families: dict[str, dict[str, list[Face]]] = defaultdict(lambda: defaultdict(list))
        for face in self.faces:
            families[face.kind][face.family].append(face)
        self._families = {
            kind: {family: Weighted({face: _commonness(face) for face in cuts}) for family, cuts in of_kind.items()}
            for kind, of_kind in families.items()
        }
        self._draws = {
            kind: Weighted({family: 8.0 if _COMMON.search(family) else 1.0 for family in of_kind})
            for kind, of_kind in self._families.items()
        }
        self._widest = max(self.faces, key=lambda face: (len(face.characters), face.path))

    @classmethod
    def from_folders(cls, folders: Iterable[str | Path], excluded: frozenset[str] = frozenset()) -> FontLibrary:
        """All .ttf and .otf below the folders that cover A-Z and 0-9, less the file names in `excluded`."""
        paths = sorted({path for folder in folders for path in _font_files(Path(folder))})
        entries = _cached_index([path for path in paths if path.name not in excluded])
        return cls([Face(**{**entry, "characters": frozenset(entry["characters"])}) for entry in entries])

    @classmethod
    def default(cls) -> FontLibrary:
        """The installed fonts, or where there are none the DejaVu fonts that matplotlib brings."""
        folders = [folder for folder in INSTALLED if any(_font_files(folder))]
        return cls.from_folders(folders or [matplotlib_fonts()], excluded_fonts())

    def weights(self, wanted: Mapping[str, float]) -> Weighted[str]:
        """`wanted` restricted to the kinds at hand; all of them alike where none of them is."""
        kept = {kind: weight for kind, weight in wanted.items() if kind in self._families}
        return Weighted(kept or dict.fromkeys(self._families, 1.0))

    def draw(self, rng: np.random.Generator, kinds: Weighted[str], text: str) -> Face:
        """A face that covers `text`; the one with most characters if twelve draws find none."""
        needed = set(text)
        needed.discard(" ")
        for _ in range(12):
            kind = kinds.draw(rng)
            face = self._families[kind][self._draws[kind].draw(rng)].draw(rng)
            if face.characters.issuperset(needed):
                return face
        return self._widest


def _commonness(face: Face) -> float:
    return (0.4 if face.bold else 1.0) * (0.15 if face.italic else 1.0)


def excluded_fonts(path: Path = EXCLUDED_FILE) -> frozenset[str]:
    """File names of fonts that are not to be drawn: one a line, `#` starts a remark."""
    if not path.exists():
        return frozenset()
    lines = (line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return frozenset(line for line in lines if line)


def matplotlib_fonts() -> Path:
    """The folder of the DejaVu fonts that matplotlib brings."""
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf"


def _font_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]


def _cached_index(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Reading 1,900 character maps takes a minute, so the result is kept in the user's cache folder."""
    stamps = "\n".join(f"{path}:{path.stat().st_size}" for path in paths)
    digest = hashlib.sha256((Path(__file__).read_text("utf-8") + stamps).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ocr-trainer" / f"fonts-{digest}.json"
    if cache.exists():
        return list(json.loads(cache.read_text("utf-8")))
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    entries = [_as_json(face) for face in map(_inspect, paths) if face is not None]
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        aside = cache.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(entries), "utf-8")
        aside.replace(cache)
    except OSError:
        pass  # a read-only home costs time, not correctness
    return entries


def _as_json(face: Face) -> dict[str, Any]:
    return {**asdict(face), "characters": "".join(sorted(face.characters))}


def _inspect(path: Path) -> Face | None:
    """The face in a file; None if it cannot be read or lacks A-Z or 0-9."""
    try:
        with path.open("rb") as file, TTFont(file, lazy=True) as font:
            drawn = font.getBestCmap() or {}
            names = font["name"]
            family = re.sub(r"^(Noto Sans|Noto Serif) .*", r"\1", str(names.getBestFamilyName() or path.stem))
            style = str(names.getBestSubFamilyName() or "")
            fixed = bool(font["post"].isFixedPitch) if "post" in font else False
            panose = font["OS/2"].panose if "OS/2" in font else None
            symbol = any(table.platformID == 3 and table.platEncID == 0 for table in font["cmap"].tables)
    except Exception:  # fontTools raises whatever a broken table provokes
        return None
    characters = frozenset(chr(code) for code in drawn if 32 < code < HIGHEST)
    if symbol or not characters >= ESSENTIAL or not _scales(path):
        return None
    if not characters >= LOWERCASE or _small_capitals(path):
        characters -= LOWERCASE
    return Face(
        path=str(path),
        family=family,
        kind=_kind(path, family, style, fixed, panose),
        bold=bool(re.search(r"bold|black|heavy|extra|ultra", style, re.IGNORECASE)),
        italic=bool(re.search(r"ital|obli|slant", style, re.IGNORECASE)),
        characters=characters,
    )


def _scales(path: Path) -> bool:
    """Whether outlines are drawn at two sizes: fonts of bitmaps alone are refused, or blank."""
    try:
        return all(ImageFont.truetype(path, size).getmask("A").getbbox() is not None for size in (17, 40))
    except OSError:
        return False


def _small_capitals(path: Path) -> bool:
    """Whether small letters look like capitals: text drawn with them would contradict its label."""
    font = ImageFont.truetype(path, 40)
    alike = 0
    for letter in "aegrtn":
        shapes = []
        for character in (letter, letter.upper()):
            mask = font.getmask(character)
            grey = Image.frombytes("L", mask.size, bytes(mask)) if mask.getbbox() else Image.new("L", (8, 8))
            shape = np.asarray(grey.crop(grey.getbbox()).resize((16, 16)), np.float32)
            shapes.append(shape - shape.mean())
        norm = float(np.linalg.norm(shapes[0]) * np.linalg.norm(shapes[1]))
        alike += float((shapes[0] * shapes[1]).sum()) > 0.9 * norm
    return alike >= 4


def _kind(path: Path, family: str, style: str, fixed: bool, panose: object | None) -> str:
    name = f"{path} {family} {style}".lower()
    for kind, rule in _RULES:
        if re.search(rule, name):
            return kind
    if fixed or "mono" in name:
        return "mono"
    if panose is not None and getattr(panose, "bFamilyType", 0) in (3, 4, 5):
        return "display"
    serif_style = getattr(panose, "bSerifStyle", 0)
    if 2 <= serif_style <= 10 or (re.search(r"serif|roman|times|slab", name) and "sans" not in name):
        return "serif"
    return "sans"
