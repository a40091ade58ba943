"""Invisible text that a page of a PDF has already: what another OCR program read there before."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name

LARGEST = 1 << 20
"""Bytes of content that are looked through of a page, its forms among them: that of a page with a text layer has a
fifth. Parsed it takes two hundred times as much memory, and a second in which other threads hardly run."""
MOST_FORMS = 100
"""Forms of a page that are looked at."""
SMALL = 16 << 10
"""Packed bytes of content that libqpdf may unpack: unlike zlib it does not stop at a length."""

_HIDES = re.compile(rb"\b3\s+Tr\b")
_SHOWS_TEXT = frozenset({"Tj", "TJ", "'", '"'})
_INVISIBLE = 3


def remove_hidden_text(pdf: pikepdf.Pdf, page: pikepdf.Page, resources: Dictionary) -> None:
    """Take the invisible text off a page, that no word is found twice, there and where it was read now.

    What is seen stays. Programs write such text into the page itself, or into a form that the page draws; forms within
    forms are left alone, and so is content that cannot be parsed or is very long.

    Args:
        pdf: the document.
        page: to change.
        resources: of the page, and of no other; forms are replaced there.
    """
    left = LARGEST
    content = _content(page.obj.get(Name.Contents), left)
    if content is not None:
        left -= len(content)
        if _HIDES.search(content):
            page.obj.Contents = pdf.make_stream(_visible(pdf.make_stream(content)))
    forms = resources.get(Name.XObject)
    if not isinstance(forms, Dictionary):
        return
    cleaned = Dictionary(dict(forms.items()))
    for name, form in islice(_forms(forms), MOST_FORMS):
        content = _unpacked(form, left)
        if content is None:
            continue
        left -= len(content)
        if _HIDES.search(content):
            kept = {key: value for key, value in form.items() if key not in ("/Length", "/Filter", "/DecodeParms")}
            cleaned[name] = pdf.make_stream(_visible(pdf.make_stream(content)), Dictionary(kept))
    resources.XObject = cleaned


def _forms(objects: Dictionary) -> Iterator[tuple[str, pikepdf.Stream]]:
    for name, item in objects.items():
        if isinstance(item, pikepdf.Stream) and item.get(Name.Subtype) == Name.Form:
            yield name, item


def _content(contents: Any, most: int) -> bytes | None:
    """Return the content of a page; None if it is longer than `most` bytes or cannot be unpacked safely."""
    parts: list[bytes] = []
    for stream in _streams(contents):
        part = _unpacked(stream, most)
        if part is None:
            return None
        parts.append(part)
        most -= len(part) + 1
    return b"\n".join(parts)


def _unpacked(stream: pikepdf.Stream, most: int) -> bytes | None:
    """Return what a stream holds; None if that is longer than `most` bytes or cannot be unpacked safely."""
    packed = stream.read_raw_bytes()
    filters = stream.get(Name.Filter)
    if isinstance(filters, Array) and len(filters) == 1:
        filters = filters[0]
    if filters is None:
        content = packed
    elif filters == Name.FlateDecode and Name.DecodeParms not in stream:
        try:
            content = zlib.decompressobj().decompress(packed, max(most, 0) + 1)
        except zlib.error:
            return None
    elif isinstance(filters, Name) and len(packed) <= SMALL:
        content = stream.read_bytes()
    else:
        return None
    return content if len(content) <= most else None


def _streams(contents: Any) -> Iterator[pikepdf.Stream]:
    for each in contents if isinstance(contents, pikepdf.Array) else [contents]:
        if isinstance(each, pikepdf.Stream):
            yield each


def _visible(stream: pikepdf.Stream) -> bytes:
    """Return a content stream without the operators that show text while the rendering mode says not to."""
    mode, saved, kept = 0, [], []
    for instruction in pikepdf.parse_content_stream(stream):
        operator = str(instruction.operator)
        if operator == "q":
            saved.append(mode)
        elif operator == "Q" and saved:
            mode = saved.pop()
        elif operator == "Tr":
            mode = int(instruction.operands[0])
        elif operator in _SHOWS_TEXT and mode == _INVISIBLE:
            continue
        kept.append(instruction)
    return pikepdf.unparse_content_stream(kept)
