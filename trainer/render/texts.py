"""A corpus as one file, for machines where its packages cannot be installed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.render.corpus import LANGUAGE_WEIGHTS, Corpus, fits

LEAST_SHARE = 0.08
"""A language gets at least so much of what English gets."""


def write_texts(path: Path, characters: frozenset[str], size: int) -> int:
    """Write words and paragraphs of the installed corpora, about `size` bytes of English; return how many there are."""
    words: dict[str, list[str]] = {}
    paragraphs: dict[str, list[str]] = {}
    most = max(LANGUAGE_WEIGHTS.values())
    for language, weight in LANGUAGE_WEIGHTS.items():
        share = max(weight / most, LEAST_SHARE)
        corpus = Corpus.installed(
            characters, word_bytes=int(share * size), text_bytes=int(share * size), languages=(language,)
        )
        words[language], paragraphs[language] = corpus.words_of(language), corpus.paragraphs_of(language)
    table = {"words": words, "paragraphs": paragraphs}
    path.write_bytes(gzip.compress(json.dumps(table, ensure_ascii=False).encode(), mtime=0))
    return sum(len(texts) for part in table.values() for texts in part.values())


def read_texts(path: Path, characters: frozenset[str]) -> Corpus:
    """Return the corpus of a file, less what is not made of `characters`.

    Raises:
        OSError: there is no such file, or it is damaged.
    """
    table = json.loads(gzip.decompress(path.read_bytes()))
    return Corpus(characters, _fitting(table["words"], characters), _fitting(table["paragraphs"], characters))


def _fitting(texts: Mapping[str, Sequence[str]], characters: frozenset[str]) -> dict[str, list[str]]:
    return {language: [text for text in found if fits(text, characters)] for language, found in texts.items()}
