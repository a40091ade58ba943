"""Does Markdown have the headings, paragraphs, lists and listings of a document, and nothing else.

    python -m benchmarks.markdown [--seed 1] [--documents 20] [--keep FOLDER]

Documents are drawn: their structure is known, and they become PDFs with a text layer in several styles. What the
Markdown of each has, as a renderer sees it, is compared with that: a heading counts if its level and its text are
right, an item if its depth is, a row of a listing if its indent is, a paragraph if it is whole. Seed 1 is for choosing
rules, seed 2 for figures. Runs on no model: nothing is read from pixels.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

from benchmarks.common import add_out_argument, print_table, write_result
from benchmarks.markdown_pages import Element, Setter, drawn_elements, drawn_style
from ocr_core.formats.base import Original
from ocr_core.formats.registry import FORMATS
from ocr_core.pages.limits import Limits
from ocr_core.pages.pdf import PdfDocument
from ocr_core.pipeline.documents import read_page
from ocr_core.pipeline.result import ReadOptions

KINDS = ("heading", "paragraph", "item", "code")


def markdown_of(data: bytes) -> str:
    """Return the Markdown of a PDF by its text layer."""
    writer = FORMATS["markdown"].new_writer()
    original = Original(name="drawn.pdf", data=data)

    def unread(*_: object) -> None:
        raise AssertionError("nothing is read")

    with PdfDocument(data, limits=Limits(), look=False) as document:
        pages = [read_page(unread, document.page(i), ReadOptions(), "only") for i in range(len(document))]
    return b"".join([*(writer.page(original, page) for page in pages), *writer.end()]).decode()


def elements_of(markdown: str) -> Iterator[Element]:
    """Give what a renderer sees."""
    depth, inside, level = -1, "paragraph", 0
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(markdown):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type == "heading_open":
            inside, level = "heading", int(token.tag[1])
        elif token.type == "heading_close":
            inside, level = "paragraph", 0
        elif token.type == "fence":
            yield from (Element("code", row) for row in token.content.splitlines() if row)
        elif token.type == "inline":
            text = "".join(
                " " if child.type in ("hardbreak", "softbreak") else child.content for child in token.children or ()
            )
            yield Element("item", text, depth) if depth >= 0 else Element(inside, text, level)


def without_mark(element: Element) -> Element:
    """Return an item as Markdown has it, which says its mark in a way of its own."""
    text = element.text.split(" ", 1)[1] if element.kind == "item" else element.text
    return Element(element.kind, re.sub(r"\s+", " ", text) if element.kind != "code" else text, element.level)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the PDFs and their Markdown here")
    add_out_argument(parser, "markdown")
    args = parser.parse_args()
    wanted, found, right = Counter[str](), Counter[str](), Counter[str]()
    for number in range(args.documents):
        draw = random.Random(f"{args.seed}/{number}")
        style = drawn_style(draw)
        elements = drawn_elements(draw, style)
        data = Setter(draw, style).set(elements)
        markdown = markdown_of(data)
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            (args.keep / f"{number}.pdf").write_bytes(data)
            (args.keep / f"{number}.md").write_text(markdown)
        truth, seen = Counter(map(without_mark, elements)), Counter(elements_of(markdown))
        for counter, part in ((wanted, truth), (found, seen), (right, truth & seen)):
            for element, count in part.items():
                counter[element.kind] += count
    rows = [
        {"kind": kind, "wanted": wanted[kind], "found": found[kind], "right": right[kind]}
        | {"f1": round(200 * right[kind] / max(wanted[kind] + found[kind], 1), 1)}
        for kind in KINDS
    ]
    print_table(tuple(rows[0]), [list(row.values()) for row in rows])
    write_result(args.out, args, {"rows": rows})


if __name__ == "__main__":
    main()
