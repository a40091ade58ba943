"""Hostile files: mutated images in all formats and orders, until the service breaks or has answered all of them.

    python -m benchmarks.fuzz --data DIR [--count 20000]

Seeds are images of the labelled sets, small and re-encoded in every format and in odd colour modes; each upload is one
of them with bytes flipped, cut off, repeated, or swapped with another's, its header above all. Every answer must be
200, 413, 415, 422, 429, 503 or 504, the probes green in the end, and the memory bounded.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image

from benchmarks.clients import BOUNDARY, Answer, Client, Post
from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_sets,
    print_table,
    show_progress,
    write_result,
)
from benchmarks.servers import Running, running, service, watching
from benchmarks.systems import add_model_arguments
from ocr_core.pages.images import decode

ALLOWED = frozenset({200, 413, 415, 422, 429, 503, 504})
SEEDS = 64
SIDE = 320
"""Pixels of the seeds' long sides: small, for 20,000 of them are read."""
MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "P", "1", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("RGB", "P"),
    "TIFF": ("RGB", "L", "1", "CMYK"),
    "GIF": ("P",),
}


def seeds(paths: Sequence[Path]) -> list[bytes]:
    """Return each image in another format and mode."""
    encoded = []
    forms = itertools.cycle((kind, mode) for kind, modes in MODES.items() for mode in modes)
    for path, (kind, mode) in zip(paths, forms, strict=False):
        small = PIL.Image.fromarray(decode(path.read_bytes()).pixels[..., ::-1].copy())
        small.thumbnail((SIDE, SIDE))
        deep = np.asarray(small.convert("L"), np.uint16) * 257
        file = io.BytesIO()
        (PIL.Image.fromarray(deep) if mode == "I;16" else small.convert(mode)).save(file, kind)
        encoded.append(file.getvalue())
    return encoded


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return `data` damaged in one to three ways."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        if not out:
            break
        at, length = rng.randrange(len(out)), rng.randint(1, 64)
        # Headers are where decoders branch, so half of the damage is done there.
        if rng.random() < 0.5:
            at = min(at, rng.randrange(128))
        match rng.randrange(7):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at : at + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"])
            case 2:
                del out[at:]
            case 3:
                del out[at : at + length]
            case 4:
                out[at:at] = out[at : at + length] * rng.randint(1, 50)
            case 5:
                out[at : at + length] = other[at : at + length]
            case _:
                out[at : at + length] = rng.randbytes(length)
    return bytes(out)


def post_with(data: bytes, rng: random.Random) -> Post:
    """Send the bytes in one of the three forms of a request."""
    detect = "" if rng.random() < 0.8 else "?detect=false"
    match rng.randrange(4):
        case 0:
            body = json.dumps({"image": base64.b64encode(data).decode()}).encode()
            return Post(f"/v1/ocr{detect}", body, {"Content-Type": "application/json"})
        case 1:
            head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'.encode()
            body = head + data + f"\r\n--{BOUNDARY}--\r\n".encode()
            return Post(f"/v1/ocr{detect}", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
        case _:
            return Post(f"/v1/ocr{detect}", data, {"Content-Type": "image/png"})


def fuzz(server: Running, originals: Sequence[bytes], args: argparse.Namespace) -> tuple[Counter[int], list[str]]:
    """Send mutated images from several clients; return how often each status came, and the answers that must not be."""
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    lock = threading.Lock()
    end = time.monotonic() + 60 * args.minutes

    def work(worker: int) -> None:
        client = Client(server.port)
        for number in range(args.first + worker, args.first + args.count, args.clients):
            if time.monotonic() > end:
                break
            rng = random.Random(f"{args.seed}/{number}")
            answer, _, body = client.send(post_with(mutate(rng.choice(originals), rng.choice(originals), rng), rng))
            with lock:
                statuses[answer.status] += 1
                if answer.status not in ALLOWED:
                    wrong.append(describe(number, answer, body))
                show_progress(f"{statuses.total()}/{args.count} {dict(statuses)}")
        client.close()

    with ThreadPoolExecutor(args.clients) as pool:
        for future in [pool.submit(work, worker) for worker in range(args.clients)]:
            future.result()
    show_progress("")
    return statuses, wrong


def describe(number: int, answer: Answer, body: bytes) -> str:
    """Return how to find an upload again, and what it did."""
    return f"mutation {number}: status {answer.status}, {body[:300]!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation, to go on from")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long, by default never")
    parser.add_argument("--seed", type=int, default=0)
    add_out_argument(parser, "fuzz")
    args = parser.parse_args()
    paths = [dataset.path(row) for dataset in chosen_sets(args) for row in dataset.rows]
    originals = seeds(random.Random(args.seed).sample(paths, min(len(paths), SEEDS)))
    with running(service(args, log_level="error"), None) as server, watching(server) as samples:
        statuses, wrong = fuzz(server, originals, args)
        probes = {path: server.get(path)[0] for path in ("/livez", "/readyz")}
    memory = [sample.mb for sample in samples]
    quarter = len(memory) // 4
    result = {
        "sent": statuses.total(),
        "statuses": dict(sorted(statuses.items())),
        "wrong": wrong,
        "probes": probes,
        "peak_mb_first_quarter": max(memory[: quarter + 1]),
        "peak_mb_last_quarter": max(memory[3 * quarter :]),
        "descriptors": [samples[0].descriptors, samples[-1].descriptors],
    }
    print_table(["", "value"], [[key, str(value)] for key, value in result.items()])
    write_result(args.out, args, result)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
