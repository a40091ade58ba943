"""A long scan: how soon its first page comes, what memory it takes, how fast it is beside the same images one by one.

    python -m benchmarks.documents --data DIR [--sets NAME …] [--pages 300] [--cores 0 1]

The scan is made of the images of the sets, over and over, as JPEGs in a PDF. It is posted whole and read as
`application/x-ndjson`; its first page counts from the end of the upload. The same images are then posted one by one,
over twice as many connections as the service works on images. Memory is that of the service, without the process that
draws.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse

import cv2
import pikepdf

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.servers import Running, running, service
from benchmarks.systems import add_model_arguments
from ocr_core.formats.base import Original
from ocr_core.formats.image_page import add_image_page
from ocr_core.pages.images import decode, probe
from ocr_core.pipeline.result import Page

TIMEOUT = 3600.0
"""Seconds that an answer may be silent for."""
RSS_SECONDS = 0.05
JPEG_QUALITY = 85
WARM_UP = 4
"""Images posted before memory counts as idle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What one run gave. Seconds and MB."""

    pages: int
    failed: int
    megabytes: float
    first_page: float
    seconds: float
    pages_a_second: float
    singly_a_second: float
    rss_idle: float
    rss_most: float
    rss_end: float

    @property
    def share(self) -> float:
        """Speed of the document beside that of its images."""
        return self.pages_a_second / self.singly_a_second


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--cores", type=int, nargs="+", help="of the service; by default all")
    add_out_argument(parser, "documents")
    args = parser.parse_args()
    images = jpegs(args)
    pages = list(itertools.islice(itertools.cycle(images), args.pages))
    scan = scanned(pages)
    program = service(args, payload_limit=len(scan) + (1 << 20), max_memory=4 * len(scan) + (2 << 30))
    with running(program, args.cores) as server:
        figures, memory = measure(server, scan, pages)
    print_table(("", *asdict(figures), "share"), [("scan", *asdict(figures).values(), figures.share)])
    write_result(args.out, args, {"document": asdict(figures) | {"share": figures.share}, "rss": memory})


def jpegs(args: argparse.Namespace) -> list[bytes]:
    """Return the images of the sets as they would come from a scanner."""
    paths = [pages.path(row) for pages in chosen_pages(args) for row in pages.rows]
    pixels = (decode(path.read_bytes()).pixels for path in paths)
    return [cv2.imencode(".jpg", each, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes() for each in pixels]


def scanned(images: Sequence[bytes]) -> bytes:
    """Return a PDF of these images."""
    file = io.BytesIO()
    with pikepdf.new() as pdf:
        for data in images:
            header = probe(data)
            page = Page(width=header.width, height=header.height, rotation=0, lines=())
            add_image_page(pdf, Original(name="page.jpg", data=data), page)
        pdf.save(file)
    return file.getvalue()


def measure(server: Running, scan: bytes, images: Sequence[bytes]) -> tuple[Figures, list[tuple[float, float]]]:
    """Read a scan, then its images one by one; return the figures, and the memory over time."""
    for data in images[:WARM_UP]:
        answer_to(post(server, data, "image/jpeg")).read()
    idle = server.rss()[0]
    with watched(server) as memory:
        connection = post(server, scan, "application/pdf", accept="application/x-ndjson")
        uploaded = time.monotonic()
        *arrived, ended = [(time.monotonic(), json.loads(line)) for line in answer_to(connection)]
    if not ended[1].get("done"):
        raise RuntimeError("the answer is not whole")
    seconds = ended[0] - uploaded
    figures = Figures(
        pages=len(arrived),
        failed=sum("error" in page for _, page in arrived),
        megabytes=len(scan) / 1e6,
        first_page=arrived[0][0] - uploaded,
        seconds=seconds,
        pages_a_second=len(arrived) / seconds,
        singly_a_second=len(images) / seconds_singly(server, images),
        rss_idle=idle,
        rss_most=max(rss for _, rss in memory),
        rss_end=memory[-1][1],
    )
    return figures, memory


def seconds_singly(server: Running, images: Sequence[bytes]) -> float:
    """Post images one by one over a few connections, so that every stream is busy, and return how long that takes."""
    runtime = json.loads(server.get("/version")[1])["runtime"]
    begun = time.monotonic()
    with ThreadPoolExecutor(2 * max(runtime["streams"], runtime["threads"])) as clients:
        for _ in clients.map(lambda data: answer_to(post(server, data, "image/jpeg")).read(), images):
            pass
    return time.monotonic() - begun


@contextmanager
def watched(server: Running) -> Iterator[list[tuple[float, float]]]:
    """Give a list that fills with seconds and resident MB of the server while this lasts."""
    seen: list[tuple[float, float]] = []
    done = threading.Event()
    begun = time.monotonic()

    def look() -> None:
        while True:
            seen.append((round(time.monotonic() - begun, 2), server.rss()[0]))
            if done.wait(RSS_SECONDS):
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def post(server: Running, body: bytes, content_type: str, accept: str = "application/json") -> HTTPConnection:
    """Send a request and return its connection."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    connection.request("POST", server.program.path, body, {"Content-Type": content_type, "Accept": accept})
    return connection


def answer_to(connection: HTTPConnection) -> HTTPResponse:
    """Return the answer of a request that was sent."""
    answer = connection.getresponse()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"{answer.status}: {answer.read()[:500]!r}")
    return answer


if __name__ == "__main__":
    main()
