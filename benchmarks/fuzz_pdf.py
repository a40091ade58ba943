"""Hostile PDFs: mutated ones, sent to the service until it breaks or has answered all of them.

    python -m benchmarks.fuzz_pdf --data DIR [--count 2000] [--files DIR]

The first pages of each PDF in DIR are the seeds, half of them with streams unpacked, so that damage gets to fonts and
drawing too. Each upload is one of them with bytes flipped, cut off, repeated, or swapped with another's, numbers made
absurd and names exchanged; its answer is asked for in one form or another, its text taken, read or both. PDFs of
--files are sent before as they are: `python tests/hostile_pdf.py DIR` writes those of the tests. Every answer must be
200, 413, 415, 422, 429, 503 or 504 and whole, the probes be green in the end, no process be left and the memory flat.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pikepdf
import psutil

from benchmarks.clients import Answer, Client, Post
from benchmarks.common import add_out_argument, print_table, show_progress, write_result
from benchmarks.fuzz import ALLOWED
from benchmarks.servers import Running, running, service, watching
from benchmarks.systems import add_model_arguments

SEED_BYTES = 1_000_000
"""Larger files say nothing that smaller ones do not, and damage hits what matters less often."""
PIXELS = 1_000_000
"""Of a page: drawing it larger takes longer and finds nothing more."""
PAGES = 2
FORMS = ("json", "json", "ndjson", "text", "markdown", "tsv", "hocr", "alto", "pdf", "pdf")
LAYERS = ("auto", "auto", "ignore", "only")
PATIENCE = 600.0
"""Seconds after which a client gives up: no document takes as long."""
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


class Attack:
    """Sends PDFs and keeps what came back."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._seed = seed
        self._lock = threading.Lock()
        self.statuses: Counter[int] = Counter()
        self.outcomes: Counter[str] = Counter()
        """Of pages in JSON: `read`, `embedded`, or the code of an error; and the codes of answers that are problems."""
        self.wrong: list[str] = []
        self.slowest = 0.0

    def send(self, name: str, data: bytes) -> None:
        """Send a file and judge what comes back."""
        rng = random.Random(f"{self._seed}/{name}/form")
        form, layer = rng.choice(FORMS), rng.choice(LAYERS)
        path = f"/v1/ocr?text_layer={layer}" + ("" if form == "ndjson" else f"&format={form}")
        headers = {"Content-Type": "application/pdf"} | ({"Accept": "application/x-ndjson"} if form == "ndjson" else {})
        client = Client(self._port, PATIENCE)
        answer, _, body = client.send(Post(path, data, headers))
        client.close()
        with self._lock:
            self.statuses[answer.status] += 1
            self.slowest = max(self.slowest, answer.seconds)
            try:
                self.outcomes.update(outcomes(answer, form, body))
                fine = answer.status in ALLOWED
            except (ValueError, LookupError, TypeError):  # an answer that is not whole
                fine = False
            if not fine:
                self.wrong.append(f"{name}: {path}: status {answer.status}, {body[:300]!r}")


def outcomes(answer: Answer, form: str, body: bytes) -> list[str]:
    """Return what became of a file's pages; raises if the answer is not whole."""
    if answer.status != 200:
        return [f"problem: {json.loads(body)['code']}"]
    if form == "pdf":
        with pikepdf.open(io.BytesIO(body)) as pdf:
            return ["written"] * len(pdf.pages)
    if form not in ("json", "ndjson"):
        return ["written"]
    found = [json.loads(line) for line in body.splitlines()]
    if form == "ndjson" and not found.pop()["done"]:
        raise ValueError("no end")
    pages = found if form == "ndjson" else found[0]["pages"]
    return [page["error"]["code"] if page.get("error") else page["source"] for page in pages]


def fuzz(attack: Attack, originals: Sequence[bytes], args: argparse.Namespace) -> None:
    """Send mutated files from several clients."""

    def work(number: int) -> None:
        rng = random.Random(f"{args.seed}/{number}")
        attack.send(f"mutation {number}", mutate(rng.choice(originals), rng.choice(originals), rng))

    with ThreadPoolExecutor(args.clients) as pool:
        for done, _ in enumerate(pool.map(work, range(args.first, args.first + args.count)), start=1):
            show_progress(f"{done}/{args.count} {dict(attack.statuses)}")
    show_progress("")


def children(server: Running) -> int:
    """Return how many processes the service has left, once those that end have ended."""
    _, alive = psutil.wait_procs(psutil.Process(server.process.pid).children(recursive=True), timeout=30)
    return len(alive)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of PDFs")
    parser.add_argument("--files", type=Path, help="folder of PDFs that are sent as they are")
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation, to go on from")
    parser.add_argument("--seed", type=int, default=0)
    add_model_arguments(parser)
    add_out_argument(parser, "fuzz_pdf")
    args = parser.parse_args()
    originals = seeds(args.data)
    begun = time.monotonic()
    program = service(args, log_level="error", max_pixels=PIXELS)
    with running(program, None) as server:
        attack = Attack(server.port, args.seed)
        attack.send("warm-up", originals[0])
        with watching(server) as samples:
            for path in sorted(args.files.glob("*.pdf")) if args.files else ():
                attack.send(path.name, path.read_bytes())
            fuzz(attack, originals, args)
            left = children(server)
        probes = {path: server.get(path)[0] for path in ("/livez", "/readyz")}
    memory = [sample.mb for sample in samples]
    quarter = len(memory) // 4
    result = {
        "seeds": len(originals),
        "files": attack.statuses.total(),
        "statuses": dict(sorted(attack.statuses.items())),
        "outcomes": dict(sorted(attack.outcomes.items())),
        "wrong": attack.wrong,
        "probes": probes,
        "left_processes": left,
        "seconds": round(time.monotonic() - begun),
        "slowest_answer": round(attack.slowest, 1),
        "peak_mb_first_quarter": max(memory[: quarter + 1]),
        "peak_mb_last_quarter": max(memory[3 * quarter :]),
        "descriptors": [samples[0].descriptors, samples[-1].descriptors],
    }
    print_table(["", "value"], [[key, str(value)] for key, value in result.items()])
    write_result(args.out, args, result)
    sys.exit(1 if attack.wrong or left else 0)


if __name__ == "__main__":
    main()
