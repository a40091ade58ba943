"""Where the words of written pages are: in PDFs by `pdftotext`, in hOCR by its own tool, in ALTO by its schema.

    python -m benchmarks.text_layer --data DIR [--sets receipts-sroie forms documents] [--limit N]
        [--hocr-check PROGRAM] [--alto-schema alto-4-4.xsd]

Each page is read once. Its image becomes a searchable PDF, and also, without its text, a scan that becomes searchable
in its turn. `found` is the share of the words read that `pdftotext -bbox` finds in both with the same characters and
all four sides within --points; `spaced` the share of them that stand in the plain text of `pdftotext` as words;
`changed` how many pixels of the scan `pdftoppm` draws differently afterwards. Needs poppler's programs; ALTO's schema
is at https://www.loc.gov/standards/alto/ and imports another, which must lie where it says.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import unicodedata
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.systems import add_model_arguments
from ocr_core.bundle.store import open_store
from ocr_core.formats.base import Original
from ocr_core.formats.image_page import page_size
from ocr_core.formats.registry import FORMATS
from ocr_core.formats.structure import words_of
from ocr_core.pages.images import decode, resolution
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import Page, ReadOptions

DPI = 100
"""Resolution in which pages are compared."""
XHTML = "{http://www.w3.org/1999/xhtml}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A word and its sides in points from the upper left corner of the page: left, top, right, bottom."""

    text: str
    box: tuple[float, float, float, float]


def expected(page: Page, size: tuple[float, float]) -> list[Placed]:
    """Return the words of a page that measures `size` points."""
    scale = np.array(size) / (page.width, page.height)
    found = []
    for word in (word for line in page.lines for word in words_of(line)):
        corners = word.quad * scale
        found.append(Placed(plain(word.text), (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())))
    return found


def by_poppler(pdf: Path) -> list[Placed]:
    """Return the words of a PDF of one page as `pdftotext` sees them."""
    out = subprocess.run(["pdftotext", "-bbox", str(pdf), "-"], capture_output=True, check=True).stdout
    return [
        Placed(plain(word.text or ""), tuple(float(word.attrib[side]) for side in ("xMin", "yMin", "xMax", "yMax")))
        for word in ET.fromstring(out).iter(f"{XHTML}word")
    ]


def plain(text: str) -> str:
    """Return a word as it is compared: ligatures taken apart, marks of direction left out."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")


def count_found(wanted: Sequence[Placed], seen: Sequence[Placed], points: float) -> int:
    """Return how many words are seen where they should be; each that is seen counts once."""
    left = list(seen)
    found = 0
    for word in wanted:
        near = [other for other in left if other.text == word.text and distance(word, other) <= points]
        if near:
            left.remove(min(near, key=lambda other: distance(word, other)))
            found += 1
    return found


def distance(one: Placed, other: Placed) -> float:
    """Return how far the sides of two boxes are apart at most."""
    return max(abs(a - b) for a, b in zip(one.box, other.box, strict=True))


def count_spaced(wanted: Sequence[Placed], pdf: Path) -> int:
    """Return how many words stand in the plain text, between white space."""
    out = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, check=True).stdout.decode()
    return (Counter(word.text for word in wanted) & Counter(plain(word) for word in out.split())).total()


def changed_pixels(before: Path, after: Path) -> int:
    """Return how many pixels of the first page are drawn differently."""
    one, other = (drawn(path) for path in (before, after))
    return int((one != other).any(axis=2).sum()) if one.shape == other.shape else one.size


def drawn(pdf: Path) -> np.ndarray:
    out = subprocess.run(["pdftoppm", "-r", str(DPI), "-f", "1", "-l", "1", str(pdf)], capture_output=True, check=True)
    return cv2.imdecode(np.frombuffer(out.stdout, np.uint8), cv2.IMREAD_COLOR)


def write(name: str, original: Original, page: Page, path: Path) -> Path:
    """Write a page down in a format."""
    writer = FORMATS[name].new_writer()
    path.write_bytes(writer.page(original, page) + b"".join(writer.end()))
    return path


def measure(page: Page, original: Original, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one page."""
    scan = write("pdf", original, replace(page, lines=()), folder / "scan.pdf")
    image = write("pdf", original, page, folder / "image.pdf")
    again = Original(name="scan.pdf", data=scan.read_bytes())
    searchable = write("pdf", again, page, folder / "searchable.pdf")
    wanted = expected(page, page_size(page, resolution(original.data)))
    return {
        "words": len(wanted),
        "found": min(count_found(wanted, by_poppler(path), args.points) for path in (image, searchable)),
        "spaced": min(count_spaced(wanted, path) for path in (image, searchable)),
        "changed": changed_pixels(scan, searchable) + changed_pixels(scan, image),
        "hocr": hocr_is_good(write("hocr", original, page, folder / "page.hocr"), args.hocr_check),
        "alto": alto_is_valid(write("alto", original, page, folder / "page.xml"), args.alto_schema),
    }


def hocr_is_good(path: Path, program: str | None) -> bool | None:
    """Say whether `hocr-check` of hocr-tools finds nothing amiss; None if it was not asked."""
    if program is None:
        return None
    done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode == 0 and any(line.startswith("ok") for line in lines) and "not ok" not in done.stdout


def alto_is_valid(path: Path, schema: Path | None) -> bool | None:
    """Say whether ALTO follows a schema; None if there is none."""
    if schema is None:
        return None
    from lxml import etree

    return bool(etree.XMLSchema(etree.parse(schema)).validate(etree.parse(path)))


def pages(args: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    for dataset in chosen_pages(args):
        yield from ((dataset.name, dataset.path(row)) for row in dataset.rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--points", type=float, default=3.0, help="how far a side may be from where it should be")
    parser.add_argument("--hocr-check", metavar="PROGRAM", help="hocr-check of the package hocr-tools")
    parser.add_argument("--alto-schema", type=Path, metavar="XSD")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what is written here")
    add_out_argument(parser, "text_layer")
    args = parser.parse_args()
    rows = []
    bundle = open_store(args.store).open(args.model)
    with closing(Engine.load(bundle)) as engine, tempfile.TemporaryDirectory() as temporary:
        for name, path in pages(args):
            original = Original(name=path.name, data=path.read_bytes())
            page = engine.read(decode(original.data).pixels, ReadOptions(words=True))
            folder = Path(args.keep or temporary) / name / path.stem
            folder.mkdir(parents=True, exist_ok=True)
            rows.append({"set": name, "page": path.name, **measure(page, original, folder, args)})
    print_table(
        ("set / page", *list(rows[0])[2:]), [[f"{r['set']} / {r['page']}", *list(r.values())[2:]] for r in rows]
    )
    totals = {key: sum(row[key] for row in rows) for key in ("words", "found", "spaced", "changed")}
    print({**totals, "found": totals["found"] / totals["words"], "spaced": totals["spaced"] / totals["words"]})
    write_result(args.out, args, {"bundle": bundle.ref, "totals": totals, "rows": rows})


if __name__ == "__main__":
    main()
