"""Dictionaries of PP-OCR recognizers: where they are kept, and how classes follow from them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from ocr_core.errors import BundleImportError


def find_dictionary(rec: Path, metadata: Mapping[str, str], given: Path | None) -> tuple[str, ...]:
    """Return the entries of a recognizer's dictionary, without blank and appended space.

    Looked for in this order: the file that was `given`; the metadata `character`, then `dictionary`, of the ONNX file;
    `inference.yml`, then a .yml, .yaml or .txt of the same name beside it.

    Raises:
        BundleImportError: there is none, or it cannot be read.
    """
    if given is not None:
        return _checked(read_dictionary(given), str(given))
    for key in ("character", "dictionary"):
        if metadata.get(key):
            return _checked(split_entries(metadata[key]), f"metadata {key!r} of {rec}")
    sidecars = (rec.with_name("inference.yml"), *(rec.with_suffix(suffix) for suffix in (".yml", ".yaml", ".txt")))
    for path in sidecars:
        if path.is_file():
            return _checked(read_dictionary(path), str(path))
    raise BundleImportError(
        f"{rec}: no dictionary. The file has neither metadata 'character' nor 'dictionary', and none of "
        f"{', '.join(p.name for p in sidecars)} lies beside it. Name the dictionary of this model (.txt or .yml)."
    )


def read_dictionary(path: Path) -> tuple[str, ...]:
    """Return the entries of a text file, one a line, or of a Paddle `inference.yml`."""
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleImportError(f"{path}: cannot be read as UTF-8 text ({error}).") from error
    return _entries_of_yaml(text, path) if path.suffix in (".yml", ".yaml") else split_entries(text)


def split_entries(text: str) -> tuple[str, ...]:
    """Return one entry a line. Only LF parts lines: U+3000, U+2028 and flags of two code points are entries."""
    lines = text.split("\n")
    if lines[-1] == "":
        del lines[-1]
    return tuple(line.rstrip("\r") for line in lines)


def characters_for(classes: int, entries: tuple[str, ...], rec: Path) -> tuple[str, ...]:
    """Return the texts of classes 1 to C − 1: with a space at the end, or without, as the number of classes tells.

    Raises:
        BundleImportError: the dictionary is one of another model.
    """
    if classes == len(entries) + 2:
        return (*entries, " ")
    if classes == len(entries) + 1:
        return entries
    raise BundleImportError(
        f"{rec} has {classes} classes and its dictionary {len(entries)} entries; it must have {classes - 2}, or "
        f"{classes - 1} if the space is one of them. This dictionary belongs to another model."
    )


def _entries_of_yaml(text: str, path: Path) -> tuple[str, ...]:
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        raise BundleImportError(f"{path}: to read it, install pyyaml.") from None
    # BaseLoader leaves every scalar a string: `- 1` and `- no` are characters here.
    try:
        fields = yaml.load(text, Loader=yaml.BaseLoader)
        entries = fields["PostProcess"]["character_dict"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise BundleImportError(f"{path}: has no list PostProcess.character_dict ({error}).") from error
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise BundleImportError(f"{path}: PostProcess.character_dict is no list of texts.")
    return tuple(entries)


def _checked(entries: tuple[str, ...], where: str) -> tuple[str, ...]:
    if "" in entries:
        raise BundleImportError(f"{where}: entry {entries.index('') + 1} of the dictionary is empty.")
    return entries
