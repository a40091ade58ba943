"""Invisible text that a page of a PDF has already: what another OCR program read there before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Dictionary, Name

LARGEST = 2 << 20
"""Bytes of content that is looked through: that of a page with a text layer has a tenth, and parsed it takes a hundred
times as much memory."""

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
    content = b"\n".join(stream.read_bytes() for stream in _streams(page.obj.get(Name.Contents)))
    if _hides(content):
        page.obj.Contents = pdf.make_stream(_visible(pdf.make_stream(content)))
    forms = resources.get(Name.XObject)
    if not isinstance(forms, Dictionary):
        return
    cleaned = Dictionary(dict(forms.items()))
    for name, form in forms.items():
        if not isinstance(form, pikepdf.Stream) or form.get(Name.Subtype) != Name.Form:
            continue
        if _hides(form.read_bytes()):
            kept = {key: value for key, value in form.items() if key not in ("/Length", "/Filter", "/DecodeParms")}
            cleaned[name] = pdf.make_stream(_visible(form), Dictionary(kept))
    resources.XObject = cleaned


def _hides(content: bytes) -> bool:
    return len(content) <= LARGEST and _HIDES.search(content) is not None


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
