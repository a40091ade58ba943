"""Words and running text by language, read from what Debian packages installed (`corpora.txt`), or made up.

Nothing is shipped: without those packages words are made of syllables, and running text of such words.
"""

from __future__ import annotations

import gzip
import html
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np

from trainer.render.draws import Weighted, chance, pick, whole

WORD_BYTES = 400_000
TEXT_BYTES = 1_500_000
LANGUAGE_WEIGHTS = {
    "en": 62.0, "de": 6.0, "fr": 6.0, "es": 5.0, "it": 4.0, "pt": 4.0, "pl": 3.0, "nl": 2.0, "cs": 2.0, "sv": 1.5,
    "da": 1.0, "nb": 1.0, "ca": 0.5, "hr": 0.7, "ro": 0.7, "tr": 0.6, "hu": 0.7,
    "sk": 0.7, "sl": 0.5, "lt": 0.4, "lv": 0.4, "et": 0.4, "is": 0.4,
}  # fmt: skip
_WORD_LISTS = {
    "en": ("american-english", "british-english"), "fr": ("french",), "de": ("ngerman",), "es": ("spanish",),
    "it": ("italian",), "pt": ("portuguese",), "pl": ("polish",), "nl": ("dutch",), "sv": ("swedish",),
    "da": ("danish",), "nb": ("bokmaal",), "ca": ("catalan",), "cs": ("cs_CZ.dic",), "hr": ("hr_HR.dic",),
    "hu": ("hu_HU.dic",), "ro": ("ro_RO.dic",), "sk": ("sk_SK.dic",), "sl": ("sl_SI.dic",), "tr": ("tr_TR.dic",),
    "lt": ("lt_LT.dic",), "lv": ("lv_LV.dic",), "et": ("et_EE.dic",), "is": ("is_IS.dic",),
}  # fmt: skip
_FORTUNES = {"en": ".", "de": "de", "es": "es", "it": "it", "pl": "pl", "pt": "../fortunes/brasil", "cs": "cs"}
_PLAIN = {
    "\u00a0": " ", "\u00ad": "", "\u2010": "-", "\u2011": "-", "\u2212": "-", "\u2009": " ", "\u202f": " ",
    "\u200b": "", "\ufeff": "", "\u2032": "'", "`": "'", "ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi",
    "μ": "µ", "Ω": "Ω", "∆": "Δ", "∑": "Σ", "∏": "Π", "∗": "*", "∼": "~", "⋅": "·", "ϵ": "ε", "ϕ": "φ", "ϑ": "θ",
}  # fmt: skip
_VARIANT = re.compile("[" + "".join(_PLAIN) + "]")
_TAGS = re.compile(r"<(script|style|head|pre)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"</?(?:p|div|li|h\d|td|th|tr|dt|dd|title|br)\b[^>]*>", re.IGNORECASE)
_UNWANTED = re.compile("nigger|fuck|cunt|kike", re.IGNORECASE)  # contact sheets and reports are looked at
_PUNCTUATION = ".,;:!?()[]{}<>\"'“”‘’„‚«»*_=-–—"
_ONSETS = (*"bcdfghklmnprstvw", *["br", "ch", "cl", "cr", "dr", "fl", "gr", "pl", "sh", "sp", "st", "str", "th", "tr"])
_VOWELS = (*"aeiouaeio", *["ai", "ea", "ee", "ie", "io", "oo", "ou", "au"])
_CODAS = (
    *"nrstldmp",
    *["", "ck", "ct", "ll", "nd", "ng", "nt", "rd", "rs", "ss", "st", "tion", "ment", "ing", "ed", "er", "ly"],
)


class Corpus:
    """Words and paragraphs of each language in the given characters; everything it returns is made of those alone."""

    def __init__(
        self,
        characters: frozenset[str],
        words: Mapping[str, Sequence[str]] | None = None,
        paragraphs: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.characters = characters
        self._space = " " if " " in characters else ""
        self.drawable = tuple(sorted(characters - {" "}))
        self._ascii = tuple(c for c in self.drawable if c.isascii()) or self.drawable
        self._accented = tuple(c for c in self.drawable if c.isalpha() and not c.isascii() and _latin(c))
        self._words = {language: found for language, found in (words or {}).items() if len(found) >= 50}
        self._texts = {language: _Paragraphs(found) for language, found in (paragraphs or {}).items() if found}
        languages = set(self._words) | set(self._texts)
        weights = {language: LANGUAGE_WEIGHTS.get(language, 0.5) for language in sorted(languages)}
        self._languages = Weighted(weights or {"": 1.0})

    @classmethod
    def installed(
        cls,
        characters: frozenset[str],
        root: str | Path = "/usr/share",
        *,
        word_bytes: int = WORD_BYTES,
        text_bytes: int = TEXT_BYTES,
        languages: Iterable[str] = tuple(LANGUAGE_WEIGHTS),
    ) -> Corpus:
        """Reads the word lists and texts below `root`, up to so much of each language."""
        words = {
            language: [
                word for name in names for word in _word_list(Path(root), name, word_bytes) if fits(word, characters)
            ]
            for language, names in _WORD_LISTS.items()
            if language in languages
        }
        paragraphs = {
            language: [text for text in _running_text(Path(root), language, text_bytes) if fits(text, characters)]
            for language in languages
        }
        return cls(characters, words, paragraphs)

    def words_of(self, language: str) -> list[str]:
        """The words of a language's list."""
        return list(self._words.get(language, ()))

    def paragraphs_of(self, language: str) -> list[str]:
        """The running text of a language."""
        return list(self._texts[language].all) if language in self._texts else []

    def vocabulary(self, language: str) -> Counter[str]:
        """How often each word stands in the running text of a language, punctuation and all; once if only in a list."""
        texts = self._texts.get(language)
        seen = Counter(word for text in (texts.all if texts else ()) for word in text.split())
        return seen + Counter(set(self._words.get(language, ())) - seen.keys())

    def language(self, rng: np.random.Generator) -> str:
        """One of the languages at hand, English most often; empty if there is none."""
        return self._languages.draw(rng)

    def word(self, rng: np.random.Generator, language: str | None = None) -> str:
        """A word of the language, or of any."""
        known = self._words.get(self.language(rng) if language is None else language)
        if known and chance(rng, 0.97):
            return pick(rng, known)
        return self.clean(made_up_word(rng)) or self.noise(rng, whole(rng, 2, 8))

    def spoken(self, rng: np.random.Generator) -> str:
        """A word of running text without its punctuation, common ones as often as they are there."""
        for _ in range(4):
            found = pick(rng, self.text(rng, 24).split() or [""]).strip(_PUNCTUATION)
            # Four of five words of up to three letters are passed over: they are half of all text, and soon known.
            if found and (len(found) > 3 or chance(rng, 0.2)):
                return found
        return self.word(rng)

    def text(self, rng: np.random.Generator, length: int, language: str | None = None) -> str:
        """Running text of whole words, about `length` characters long, beginning anywhere in a sentence."""
        known = self._texts.get(self.language(rng) if language is None else language)
        if known is not None and chance(rng, 0.85):
            return known.excerpt(rng, length)
        words: list[str] = []
        spoken = self.language(rng)
        while sum(map(len, words)) + len(words) <= length:
            words.append(self.word(rng, spoken))
            if len(words) > 2 and chance(rng, 0.1):
                words[-1] = self.clean(words[-1] + pick(rng, (",", ".", ";", ":", "!", "?"))) or words[-1]
        return " ".join(words[:-1] or words)

    def noise(self, rng: np.random.Generator, length: int) -> str:
        """Characters without meaning, three of four from ASCII."""
        return "".join(pick(rng, self._ascii if chance(rng, 0.75) else self.drawable) for _ in range(length))

    def accented(self, rng: np.random.Generator) -> str:
        """A word with an accented letter in it, each of them as likely: some are too rare in texts to be learnt."""
        word = self.word(rng, "en")
        if not self._accented:
            return word
        letter = pick(rng, self._accented)
        word = word.upper() if letter.isupper() and len(word) > 1 and chance(rng, 0.7) else word
        plain = unicodedata.normalize("NFD", letter)[0]
        at = word.find(plain) if plain in word else whole(rng, 0, len(word) - 1)
        return word[:at] + letter + word[at + 1 :]

    def clean(self, text: str) -> str:
        """`text` composed, with typographic variants as plain characters, characters that are not allowed left out."""
        composed = plain_typography(unicodedata.normalize("NFC", text))
        return self._space.join("".join([c for c in composed if c in self.characters or c == " "]).split())


class _Paragraphs:
    """Paragraphs drawn in proportion to their lengths."""

    def __init__(self, paragraphs: Sequence[str]) -> None:
        self.all = paragraphs
        self._ends = list(accumulate(map(len, paragraphs)))

    def excerpt(self, rng: np.random.Generator, length: int) -> str:
        position = int(rng.random() * self._ends[-1])
        at = bisect_right(self._ends, position)
        paragraph = self.all[at]
        start = position - (self._ends[at] - len(paragraph))
        if len(paragraph) <= length or chance(rng, 0.15):
            start = 0
        else:
            start = paragraph.find(" ", max(0, min(start, len(paragraph) - length))) + 1
        found = paragraph[start : start + length + 1]
        if len(found) > length:
            found = found.rpartition(" ")[0] or found[:length]
        return found.strip()


def _latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")


def fits(text: str, characters: frozenset[str]) -> bool:
    """Whether `text` but for its spaces is made of `characters`."""
    return characters.issuperset(text) or characters.issuperset(text.replace(" ", ""))


def plain_typography(text: str) -> str:
    """`text` with typographic variants of spaces, hyphens and ligatures as their plain characters."""
    return _VARIANT.sub(lambda match: _PLAIN[match[0]], text)


def made_up_word(rng: np.random.Generator) -> str:
    """One to three syllables that no language may know."""
    return "".join(pick(rng, _ONSETS) + pick(rng, _VOWELS) + pick(rng, _CODAS) for _ in range(whole(rng, 1, 3)))


def _word_list(root: Path, name: str, size_limit: int) -> list[str]:
    """Up to `size_limit` bytes of a word list, taken from 64 places all over it: the Polish one has 60 MB.

    Those that end in .dic are spelling dictionaries, with flags after each word and the encoding in another file.
    """
    path = root / ("hunspell" if name.endswith(".dic") else "dict") / name
    if not path.is_file():
        return []
    decode = _decode
    if name.endswith(".dic"):
        header = path.with_suffix(".aff").read_bytes()[:4000]
        encoding = re.search(rb"^SET (\S+)", header, re.MULTILINE)
        decode = partial(str, encoding=encoding[1].decode() if encoding else "latin-1", errors="ignore")
    size = path.stat().st_size
    words: list[str] = []
    with path.open("rb") as file:
        for part in range(64):
            file.seek(size * part // 64)
            words += [line.split("/")[0] for line in decode(file.read(size_limit // 64)).split("\n")[1:-1]]
    words = [unicodedata.normalize("NFC", word) for word in words if len(word) <= 24 and word.isalpha()]
    return [word for word in words if not _UNWANTED.search(word)]


def _running_text(root: Path, language: str, budget: int) -> Iterator[str]:
    """Paragraphs of 20 to 2,000 characters, the packages' files taken in turn until `budget` is used up."""
    for path in _text_files(root, language):
        if budget <= 0:
            return
        for paragraph in _paragraphs(path):
            budget -= len(paragraph)
            yield paragraph


def _text_files(root: Path, language: str) -> list[Path]:
    fortunes = root / "games" / "fortunes" / _FORTUNES.get(language, "none")
    found = [fortunes] if fortunes.is_file() else []
    if fortunes.is_dir():
        found += [path for path in sorted(fortunes.iterdir()) if path.suffix == "" and path.is_file()]
    doc = root / "doc"
    found += sorted((doc / "installation-guide-amd64" / language).glob("*.html"))
    found += sorted(path for folder in doc.glob(f"debian-handbook/html/{language}-*") for path in folder.glob("*.html"))
    suffix = "" if language == "en" else f".{language}"
    found += sorted((doc / "debian" / "FAQ").glob(f"*{suffix}.html"))
    if language == "en":
        found += sorted((doc / "debian").rglob("*.txt*")) + sorted((root / "state").glob("us-*"))
    return found


def _paragraphs(path: Path) -> Iterable[str]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = plain_typography(_decode(raw))
    if path.suffix == ".html":
        text = plain_typography(html.unescape(_TAGS.sub(" ", _BLOCK.sub("\n\n", text))))
    pieces = re.split(r"\n\s*\n|\n%\n|\n\s*--", text)
    clean = (" ".join(unicodedata.normalize("NFC", piece).split()) for piece in pieces)
    return (piece for piece in clean if 20 <= len(piece) <= 2000 and sum(map(str.isalpha, piece)) > 0.6 * len(piece))


def _decode(raw: bytes) -> str:
    """UTF-8 less what is broken of it, or Latin-1 where more than one character of 200 is not UTF-8."""
    text = raw.decode("utf-8", "replace")
    return raw.decode("latin-1") if text.count("\ufffd") > len(text) / 200 else text.replace("\ufffd", "")
