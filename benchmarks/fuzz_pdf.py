"""Hostile PDFs: mutated ones, read by the library until it breaks or has answered all of them.

    python -m benchmarks.fuzz_pdf --data DIR [--count 2000]

The first pages of each PDF in DIR are the seeds, half of them with streams unpacked, so that damage gets to fonts and
drawing too. Each upload is one of them with bytes flipped, cut off, repeated, or swapped with another's, numbers made
absurd and names exchanged. Two pages of each are taken apart and drawn. What comes out must be a page or an error of
`ocr_core.errors`; no process may be left, and the memory stay bounded.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pikepdf
import psutil

from benchmarks.common import add_out_argument, print_table, show_progress, write_result
from ocr_core.errors import ImageError, OcrError
from ocr_core.pages.document import Document
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import open_document
from ocr_core.pipeline.documents import read_page
from ocr_core.pipeline.result import ReadOptions

SEED_BYTES = 1_000_000
"""Larger files say nothing that smaller ones do not, and damage hits what matters less often."""
PIXELS = 1_000_000
"""Of a page: drawing it larger takes longer and finds nothing more."""
PAGES = 2
NUMBERS = (b"0", b"-1", b"1", b"65536", b"2147483647", b"4294967296", b"99999999999999999999", b"1e38", b"-0.0001")
NAMES = re.compile(rb"/[A-Z][A-Za-z0-9]+")
DIGITS = re.compile(rb"\d+")
REFERENCES = re.compile(rb"\d+ 0 R")
FILTERS = [b"/FlateDecode", b"/LZWDecode", b"/JBIG2Decode", b"/JPXDecode", b"/CCITTFaxDecode", b"/Form", b"/Pattern"]


def seeds(folder: Path) -> list[bytes]:
    """Return the first pages of the PDFs of a folder, of every second one with its streams unpacked."""
    found = []
    for number, path in enumerate(sorted(folder.rglob("*.pdf"))):
        file = io.BytesIO()
        with pikepdf.open(path) as source, pikepdf.new() as target:
            target.add_pages_from(source, slice(PAGES))
            level = pikepdf.StreamDecodeLevel.generalized if number % 2 else pikepdf.StreamDecodeLevel.none
            target.save(
                file,
                compress_streams=not number % 2,
                stream_decode_level=level,
                object_stream_mode=pikepdf.ObjectStreamMode.disable
                if number % 2
                else pikepdf.ObjectStreamMode.preserve,
            )
        if file.tell() <= SEED_BYTES:
            found.append(file.getvalue())
    return found


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return `data` damaged in one to six ways."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        if not out:
            break
        at, length = rng.randrange(len(out)), rng.randint(1, 200)
        rng.choice((_overwrite, _cut, _repeat, _mix, _renumber, _rename, _redirect))(out, other, at, length, rng)
    return bytes(out)


def _overwrite(out: bytearray, _: bytes, at: int, length: int, rng: random.Random) -> None:
    length = rng.choice((1, length))
    out[at : at + length] = rng.randbytes(length)


def _cut(out: bytearray, _: bytes, at: int, length: int, rng: random.Random) -> None:
    del out[at : at + length if rng.random() < 0.9 else None]


def _repeat(out: bytearray, _: bytes, at: int, length: int, rng: random.Random) -> None:
    out[at:at] = out[at : at + length] * rng.randint(1, 50)


def _mix(out: bytearray, other: bytes, at: int, length: int, rng: random.Random) -> None:
    start = rng.randrange(len(other))
    out[at : at + length] = other[start : start + length]


def _renumber(out: bytearray, _: bytes, at: int, __: int, rng: random.Random) -> None:
    _replace(out, DIGITS, at, rng.choice(NUMBERS))


def _rename(out: bytearray, other: bytes, at: int, __: int, rng: random.Random) -> None:
    _replace(out, NAMES, at, rng.choice(NAMES.findall(other) + FILTERS))


def _redirect(out: bytearray, _: bytes, at: int, __: int, rng: random.Random) -> None:
    _replace(out, REFERENCES, at, b"%d 0 R" % rng.randint(1, 60))


def _replace(out: bytearray, pattern: re.Pattern[bytes], at: int, value: bytes) -> None:
    """Put `value` in place of what the pattern finds next."""
    match = pattern.search(out, at)
    if match:
        out[match.start() : match.end()] = value


def probe(data: bytes, limits: Limits) -> list[str]:
    """Return what the pages of a file gave: `page`, or the code of an error."""
    outcomes = []
    try:
        with open_document(data, limits=limits) as document:
            outcomes += [_probe_page(document, index) for index in range(min(len(document), PAGES))]
    except ImageError as error:
        outcomes.append(f"file: {error.code}")
    return outcomes


def _probe_page(document: Document, index: int) -> str:
    try:
        page = document.page(index)
        assert page.render(None).shape == (page.height, page.width, 3)
        read_page(_no_engine, page, ReadOptions(words=True), "only")
    except ImageError as error:
        return error.code
    return "page"


def _no_engine(*_: object) -> None:
    raise AssertionError("the text layer alone is asked for")


def fuzz(originals: Sequence[bytes], args: argparse.Namespace) -> tuple[Counter[str], list[str], list[float]]:
    """Read mutated files from several threads; return what they gave, what must not be, and the memory in MB."""
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    memory: list[float] = []
    limits = Limits(page_seconds=args.page_seconds, pixels=PIXELS)
    this = psutil.Process()

    def work(number: int) -> list[str]:
        rng = random.Random(f"{args.seed}/{number}")
        data = mutate(rng.choice(originals), rng.choice(originals), rng)
        begun = time.monotonic()
        try:
            found = probe(data, limits)
        except OcrError as error:
            return [f"wrong: mutation {number}: {error!r}"]
        except Exception as error:
            return [f"wrong: mutation {number}: {error!r}"]
        late = time.monotonic() - begun > (2 * PAGES + 1) * (args.page_seconds + 5)
        return found if not late else [f"wrong: mutation {number}: {time.monotonic() - begun:.0f} seconds"]

    with ThreadPoolExecutor(args.threads) as pool:
        for number, found in enumerate(pool.map(work, range(args.first, args.first + args.count))):
            wrong += [each for each in found if each.startswith("wrong")]
            outcomes.update(each for each in found if not each.startswith("wrong"))
            if number % 20 == 0:
                memory.append(this.memory_info().rss / 1e6)
            show_progress(f"{number + 1}/{args.count} {dict(outcomes)}")
    show_progress("")
    return outcomes, wrong, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of PDFs")
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation, to go on from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page-seconds", type=float, default=10.0, help="limit of a page")
    add_out_argument(parser, "fuzz-pdf")
    args = parser.parse_args()
    originals = seeds(args.data)
    begun = time.monotonic()
    outcomes, wrong, memory = fuzz(originals, args)
    quarter = len(memory) // 4
    result = {
        "seeds": len(originals),
        "files": args.count,
        "outcomes": dict(sorted(outcomes.items())),
        "wrong": wrong,
        "left_processes": len(psutil.Process().children()),
        "seconds": round(time.monotonic() - begun),
        "peak_mb_first_quarter": max(memory[: quarter + 1]),
        "peak_mb_last_quarter": max(memory[3 * quarter :]),
    }
    print_table(["", "value"], [[key, str(value)] for key, value in result.items()])
    write_result(args.out, args, result)
    sys.exit(1 if wrong or result["left_processes"] else 0)


if __name__ == "__main__":
    main()
