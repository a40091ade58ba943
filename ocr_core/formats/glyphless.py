"""A font without ink, for text that is searched and copied but not seen.

All characters have the same width and show nothing. Their codes are given out in the order in which a document needs
them, and a table (`ToUnicode`) says what each stands for. PDF 32000-1:2008, 9.7.4 (CID fonts) and 9.10.3 (ToUnicode).
"""

from __future__ import annotations

import struct
import unicodedata
from itertools import groupby

import pikepdf
from pikepdf import Array, Dictionary, Name

ADVANCE = 500
"""Width of a character, in thousandths of the font's size."""
SPACE = 20
"""Width of the space behind a word: it parts words that touch, and takes no room that could be seen."""
ASCENT, DESCENT = 800, -200
"""Reach of each character above and below the baseline, in thousandths of the font's size: together the whole."""

LAST_CODE = 0xFFFF
"""Characters that a font holds, the space among them."""

_FONT_NAME = "GlyphlessText"
_SPACE = 1
_UNKNOWN = "\ufffd"
_RIGHTWARD = frozenset({"L", "EN", "AN"})


def characters(word: str) -> str:
    """Return the characters of a word as a PDF should hold them: ligatures taken apart, from left to right.

    A reader searches for `fi`, whatever the printer made of it. Viewers turn runs of Hebrew and Arabic around, since
    programs draw such text from the left; a word is taken to be such a run if its first letter is of one, and numbers
    and Latin letters in it keep their direction.
    """
    plain = "".join(
        unicodedata.normalize("NFKC", c) if _is_ligature(c) else c for c in unicodedata.normalize("NFC", word)
    )
    directions = [unicodedata.bidirectional(c) for c in plain]
    if next((d for d in directions if d in ("L", "R", "AL")), "L") == "L":
        return plain
    runs = groupby(zip(plain, directions, strict=True), lambda pair: pair[1] in _RIGHTWARD)
    turned = [[c for c, _ in run][:: 1 if rightward else -1] for rightward, run in runs]
    return "".join(c for run in reversed(turned) for c in run)


def _is_ligature(character: str) -> bool:
    return "\ufb00" <= character <= "\ufb06" or "\ufb13" <= character <= "\ufb17"


class GlyphlessFont:
    """The codes of one document's font, given out as characters come."""

    def __init__(self) -> None:
        self._codes = {" ": _SPACE, _UNKNOWN: _SPACE + 1}

    @property
    def characters(self) -> str:
        """What the codes stand for, from the first one."""
        return "".join(self._codes)

    def encode(self, word: str) -> tuple[str, int]:
        """Return a word and a space as the hexadecimal string of a content stream, and the length of the word."""
        codes = [self._code(character) for character in characters(word)]
        return "<" + "".join(f"{code:04X}" for code in (*codes, _SPACE)) + ">", len(codes)

    def _code(self, character: str) -> int:
        if character not in self._codes and len(self._codes) >= LAST_CODE:
            return self._codes[_UNKNOWN]  # no document has so many; one made to have them stays a document
        return self._codes.setdefault(character, len(self._codes) + 1)


def write_font(pdf: pikepdf.Pdf, font: Dictionary, characters: str) -> None:
    """Make `font`, an object of `pdf` that pages refer to, the one whose codes stand for `characters`."""
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=Name(f"/{_FONT_NAME}"),
        Flags=4,  # symbolic: its characters are in no standard set
        FontBBox=Array([0, DESCENT, ADVANCE, ASCENT]),
        ItalicAngle=0,
        Ascent=ASCENT,
        Descent=DESCENT,
        CapHeight=ASCENT,
        StemV=80,
        FontFile2=pdf.make_stream(font_file()),
    )
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType2,
        BaseFont=Name(f"/{_FONT_NAME}"),
        CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor),
        DW=ADVANCE,
        W=Array([_SPACE, Array([SPACE])]),
        # Glyph 0 would say that the font lacks the character.
        CIDToGIDMap=pdf.make_stream(b"\0\0" + b"\0\2" + b"\0\1" * (len(characters) - 1)),
    )
    font.update(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=Name(f"/{_FONT_NAME}"),
            Encoding=Name("/Identity-H"),
            DescendantFonts=Array([pdf.make_indirect(descendant)]),
            ToUnicode=pdf.make_stream(_to_unicode(characters)),
        )
    )


def _to_unicode(characters: str) -> bytes:
    rows = [f"<{code:04X}> <{_utf16(character)}>" for code, character in enumerate(characters, _SPACE)]
    blocks = [rows[at : at + 100] for at in range(0, len(rows), 100)]  # as many as one may hold
    mapped = "".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar\n" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        f"{mapped}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")


def _utf16(character: str) -> str:
    return character.encode("utf-16-be", errors="replace").hex().upper()


def font_file() -> bytes:
    """Return a TrueType font of three glyphs, with the tables that a PDF asks of one (9.9, table 126).

    The first and the last, the space, are empty. The other is a line there and back from the lower left to the upper
    right corner of its box: without area it shows nothing, but viewers that mark what was found have a box to mark.
    """
    box = (0, DESCENT, ADVANCE, ASCENT)
    head = struct.pack(
        ">IIIIHHqqhhhhHHhhh", 0x00010000, 0x00010000, 0, 0x5F0F3CF5, 0b1011, 1000, 0, 0, *box, 0, 8, 2, 0, 0
    )
    hhea = struct.pack(">IhhhHhhhhhhhhhhhH", 0x00010000, ASCENT, DESCENT, 0, ADVANCE, *(0, 0, ADVANCE, 1), *[0] * 7, 3)
    # One contour that ends with point 1; no instructions; two points on the curve, as steps from the one before.
    line = struct.pack(">hhhhhHHBBhhhh", 1, *box, 1, 0, 1, 1, 0, ADVANCE, DESCENT, ASCENT - DESCENT)
    tables = {
        b"glyf": line,
        b"head": head,
        b"hhea": hhea,
        b"hmtx": struct.pack(">HhHhHh", ADVANCE, 0, ADVANCE, 0, SPACE, 0),
        b"loca": struct.pack(">HHHH", 0, 0, len(line) // 2, len(line) // 2),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x00010000, 3, 2, 1, 0, 0, 1, *[0] * 8),
    }
    directory, body, offset = b"", b"", 12 + 16 * len(tables)
    for tag, table in tables.items():
        padded = table + b"\0" * (-len(table) % 4)
        directory += struct.pack(">4sIII", tag, _sum(padded), offset + len(body), len(table))
        body += padded
    # Number of tables, and three figures that follow from it for a binary search among them.
    font = struct.pack(">IHHHH", 0x00010000, len(tables), 64, 2, 16 * len(tables) - 64) + directory + body
    adjustment = (0xB1B0AFBA - _sum(font)) & 0xFFFFFFFF
    at = font.index(head) + 8
    return font[:at] + struct.pack(">I", adjustment) + font[at + 4 :]


def _sum(padded: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF
