"""Text such that Markdown shows it as it is, with no more backslashes than that takes.

Whoever reads the source, or lets a language model read it, meets each of them. What is markup depends on where it
stands: a number with a point begins a list at the start of a line only, a star needs another one, and brackets an
address behind them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

_PUNCTUATION = r"!-/:-@\[-`{-~"
# A backslash that a sign follows, or the end of a line; a tag or a comment; a link.
_INLINE = re.compile(rf"\\(?=[{_PUNCTUATION}]|$)|<(?=[A-Za-z/!?])|\](?=\()", re.MULTILINE)
_REFERENCE = re.compile(r"&#?\w+;")
_RUN = re.compile(r"\*+|_+|~+|`+")
# What begins a heading, a quotation, a list, a rule, or a fence.
_START = re.compile(r"#{1,6}(?=\s|$)|>|[-+*](?=\s|$)|([-*_])(?: *\1){2}(?: |\1)*$|```|~~~")
_NUMBERED = re.compile(r"([0-9]{1,9})([.)])(?=\s|$)")
# What makes a heading, or the head of a table, of the line before.
_UNDERLINE = re.compile(r"=+\s*$|[-:|][-:| ]*$")
# What makes a box to tick of the beginning of an item, or a rule of all of it.
_TASK = re.compile(r"\[[ xX]\](?:\s|$)|-[- ]*$")


def escape(text: str) -> str:
    """Return a paragraph of one line."""
    return _started(_unnamed(inline(text.strip())))


def escape_lines(texts: Sequence[str]) -> str:
    """Return a paragraph of lines with hard breaks; empty ones are left out."""
    first, *later = _unnamed(inline("\n".join(filter(None, map(str.strip, texts))))).split("\n")
    return "\\\n".join(
        (_started(first), *(f"\\{line}" if _UNDERLINE.match(line) else _started(line) for line in later))
    )


def escape_item(text: str) -> str:
    """Return what stands behind the mark of an item of a list."""
    text = escape(text)
    return f"\\{text}" if _TASK.match(text) else text


def escape_cell(text: str) -> str:
    """Return what stands in a cell of a table."""
    return inline(text.strip()).replace("|", r"\|")


def inline(text: str) -> str:
    """Return text that stands within a line, as that of headings does."""
    places = {found.start() for found in _INLINE.finditer(text)} | set(_spans(text))
    places |= {found.start() for found in _REFERENCE.finditer(text) if html.unescape(found[0]) != found[0]}
    return "".join(f"\\{character}" if i in places else character for i, character in enumerate(text))


def _spans(text: str) -> Iterator[int]:
    """Give where signs stand that may begin spans of markup, and such as may end them."""
    runs: dict[str, list[tuple[int, int, bool, bool]]] = {}
    for found in _RUN.finditer(text):
        start, end = found.span()
        before, after = text[start - 1 : start] or " ", text[end : end + 1] or " "
        after = "\\" if after == "\n" else after  # of a hard break
        sign = found[0][0]
        if sign == "_" and before.isalnum() and after.isalnum():
            continue
        code = sign == "`"
        runs.setdefault(sign, []).append((start, end, code or not after.isspace(), code or not before.isspace()))
    for found_runs in runs.values():
        first = next((i for i, run in enumerate(found_runs) if run[2]), len(found_runs))
        if any(run[3] for run in found_runs[first + 1 :]):
            for start, end, begins, ends in found_runs:
                if begins or ends:
                    yield from range(start, end)


def _unnamed(text: str) -> str:
    """Return a paragraph such that it gives no name to an address, which links might use and nothing shows."""
    return f"\\{text}" if text.startswith("[") and "]:" in text else text


def _started(line: str) -> str:
    """Return a line, its text escaped already, such that nothing begins with it."""
    if _START.match(line):
        signs = found[0] if (found := _RUN.match(line)) else line[0]
        return "".join(f"\\{sign}" for sign in signs) + line[len(signs) :]
    return _NUMBERED.sub(r"\1\\\2", line, count=1) if _NUMBERED.match(line) else line
