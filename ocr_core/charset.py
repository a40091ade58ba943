"""The character set of a recognizer: which class index stands for which text.

Class 0 is the CTC blank; class i > 0 is `entries[i - 1]`. An entry is a string, not a character: some dictionaries of
the PP-OCR family hold flags and other sequences of several code points.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

BLANK = 0

_ASCII = "".join(chr(code) for code in range(0x20, 0x7F))
_LATIN_1 = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
_CENTRAL_EUROPE = "ĀāĂăĄąĆćČčĎďĐđĒēĖėĘęĚěĞğĢģĪīĮįİıĶķĹĺĻļĽľŁłŃńŅņŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŪūŮůŰűŲųŸŹźŻżŽžȘșȚțẞ"
_SIGNS = "€£¥§°©®™•–—…‘’“”„‚«»‹›×÷±²³½¼¾№←→↑↓✓✗¿¡·µ"

_GREEK = "αβγδεζηθικλνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
_TECHNICAL = "≤≥≠≈≡≪≫∞∈∀∃∪∩⊂⊆∧∨¬√∂∇∫∝∅⊕⊗⇒⇔↔⟨⟩¹⁰⁴ª¢‰†‡¶ℓ■□▪●○◦◆▲▼►★☆☐☑☒"

LATIN = _ASCII + _LATIN_1 + _CENTRAL_EUROPE + _SIGNS
"""Characters of `ppocrv2-en`: printable ASCII, the letters of Western and Central European languages, common signs."""

TECHNICAL = LATIN + _GREEK + _TECHNICAL
"""LATIN, the Greek letters that are not drawn like a Latin one or µ, and the signs of papers, lists and forms."""


def normalize(text: str) -> str:
    """Return `text` composed (NFC), with full-width forms as their ASCII counterparts and any white space as a space.

    Only the block of full-width forms is folded, not all of NFKC: that would turn ½, ² and ™ into other characters.
    """
    # Folded first: a full-width letter composes with no accent.
    folded = "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in text)
    return " ".join(unicodedata.normalize("NFC", folded).split())


class Charset:
    """An immutable mapping between text and class indices (blank = 0)."""

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries: tuple[str, ...] = tuple(entries)
        self._texts = ("", *self.entries)
        # Dictionaries in the wild repeat an entry now and then: the first class of a text is the one to train.
        self._index = {entry: i for i, entry in reversed(list(enumerate(self.entries, start=1)))}
        if "" in self._index:
            raise ValueError("a charset must not hold an empty entry")

    @classmethod
    def latin(cls) -> Charset:
        """Return the charset of `ppocrv2-en`."""
        return cls(LATIN)

    def __len__(self) -> int:
        """Return the number of classes C, the blank included."""
        return len(self._texts)

    def __contains__(self, entry: object) -> bool:
        return entry in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Charset) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def text(self, index: int) -> str:
        """Return the text of one class, empty for the blank."""
        return self._texts[index]

    def decode(self, indices: Sequence[int]) -> str:
        """Return the text of a sequence of classes, blanks left out. No CTC collapsing happens here."""
        return "".join(self._texts[i] for i in indices)

    def encode(self, text: str) -> list[int]:
        """Return the classes of `text`, one per character.

        Raises:
            ValueError: a character is outside the charset. Dropping it instead would teach a recognizer wrong labels.
        """
        unknown = sorted(set(text) - self._index.keys())
        if unknown:
            raise ValueError(f"outside the charset: {''.join(unknown)!r}")
        return [self._index[c] for c in text]
