"""Documents while they are read: what is under way, held back, refused, late and given up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from documents import IMAGE, LINES_TYPE, SCAN, URL, WRITTEN, tiff
from fastapi import Request
from pdfs import scan
from service_clients import Serve
from service_fakes import PATIENCE, FakeReader, encoded, parts, two_lines, until

from ocr_core.formats.searchable_pdf import SearchablePdfWriter
from ocr_core.pages.pdfium.process import PdfiumProcess
from service.app import create_app
from service.auth.keys import new_key
from service.engine.serving import Serving, State
from service.http.exchange import Exchange, caller_of
from service.settings import Settings

pytestmark = pytest.mark.anyio


class Gate:
    """Reads pages of documents; the n-th one waits until the gate was opened n times. Small images pass."""

    def __init__(self) -> None:
        self.opened = threading.Semaphore(0)
        self.inside = threading.Semaphore(0)

    def __call__(self, pixels: np.ndarray, options: Any) -> Any:
        if pixels.shape[1] > 40:
            self.inside.release()
            assert self.opened.acquire(timeout=PATIENCE)
        return two_lines(pixels, options)

    def open(self, pages: int) -> None:
        for _ in range(pages):
            self.opened.release()


class Stream:
    """An ASGI server's side of one request, whose answer is looked at while it comes."""

    def __init__(self, app: Any, body: bytes, accept: bytes = b"application/x-ndjson", query: bytes = b"") -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.status: int | None = None
        self.stalled = False
        scope = {"type": "http", "method": "POST", "path": URL, "query_string": query}
        scope["headers"] = [(b"content-type", b"application/pdf"), (b"accept", accept)]
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self._task = asyncio.create_task(app(scope, self._incoming.get, self._send))

    async def piece(self) -> Any:
        return json.loads(await self.raw_piece())

    async def raw_piece(self) -> bytes:
        return await asyncio.wait_for(self._pieces.get(), PATIENCE)

    def leave(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def done(self) -> None:
        await asyncio.wait_for(self._task, PATIENCE)

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        if self.stalled:
            await asyncio.Event().wait()
        if message.get("body"):
            self._pieces.put_nowait(message["body"])


@asynccontextmanager
async def running(reader: FakeReader, **settings: Any) -> AsyncIterator[tuple[Any, Serving]]:
    app = create_app(Settings(model="fake", threads=2, **settings), engine_factory=lambda _: reader)
    async with app.router.lifespan_context(app):
        serving = app.state.context.serving
        assert await serving.settled() is State.READY
        yield app, serving


def require_empty(serving: Serving) -> None:
    admission = serving.admission
    assert (admission._images, admission._bytes, admission._pages, admission._page_bytes) == (0, 0, 0, 0)
    assert (admission._documents.total(), admission._inside, len(serving.scheduler._fair)) == (0, 0, 0)
    assert not serving.workers._waiting
    # Its future is done a moment before the thread itself.
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "document"])


async def test_a_page_is_sent_while_the_next_ones_are_read(processes: list[PdfiumProcess]) -> None:
    gate = Gate()
    async with running(FakeReader(gate)) as (app, serving):
        stream = Stream(app, scan(3))
        for number in (1, 2, 3):
            gate.open(1)
            # Two are read side by side: whichever passed the gate, no more are sent than have.
            if number == 2:
                gate.open(1)
            page = await stream.piece()
            assert page["page"] == number
        end = await stream.piece()
        await stream.done()
        assert (end["done"], end["pages"], end["failed"]) == (True, 3, 0)
        require_empty(serving)
    assert len(processes) == 1


async def test_json_of_a_document_is_not_held_until_it_is_whole() -> None:
    gate = Gate()
    async with running(FakeReader(gate)) as (app, serving):
        stream = Stream(app, scan(3), accept=b"application/json")
        gate.open(2)
        body = await stream.raw_piece()
        assert json.loads(body + b"]}")["pages"][0]["page"] == 1
        gate.open(1)
        while not body.endswith(b"}}"):
            body += await stream.raw_piece()
        await stream.done()
        require_empty(serving)
    assert [page["page"] for page in json.loads(body)["pages"]] == [1, 2, 3]
    assert json.loads(body)["model"]["name"] == "fake"


async def test_few_pages_are_under_way_however_many_there_are() -> None:
    gate, most = Gate(), 0
    async with running(FakeReader(gate)) as (app, serving):
        stream = Stream(app, scan(30))
        gate.open(30)
        for number in range(30):
            assert (await stream.piece())["page"] == number + 1
            most = max(most, serving.admission.images)
        assert (await stream.piece())["pages"] == 30
        await stream.done()
        require_empty(serving)
    assert 0 < most <= 4


async def test_a_client_that_takes_nothing_holds_the_reading_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.http.answers.STALLED_SECONDS", 0.5)
    reader = FakeReader()
    async with running(reader) as (app, serving):
        stream = Stream(app, scan(30))
        stream.stalled = True
        await stream.done()
        assert len(reader.calls) <= 5
        require_empty(serving)


async def test_a_client_that_leaves_ends_the_work(processes: list[PdfiumProcess]) -> None:
    gate = Gate()
    async with running(FakeReader(gate)) as (app, serving):
        stream = Stream(app, scan(30))
        gate.open(1)
        assert (await stream.piece())["page"] == 1
        assert await asyncio.to_thread(gate.inside.acquire, timeout=PATIENCE)
        stream.leave()
        gate.open(2)
        await stream.done()
        for process in processes:
            assert not process.alive
        # Pages that were being read end when they are done.
        await asyncio.to_thread(until, lambda: not serving.admission.images)
        require_empty(serving)
    assert stream._pieces.qsize() <= 2, "no page that was not being read when the client left"


async def test_a_client_that_leaves_ends_the_writing_of_a_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def end(writer: SearchablePdfWriter) -> Iterator[bytes]:
        begun.set()
        try:
            while writer._check is not None:
                writer._check()
                ended.wait(0.01)
        finally:
            ended.set()
        yield b""

    monkeypatch.setattr(SearchablePdfWriter, "end", end)
    async with running(FakeReader()) as (app, serving):
        stream = Stream(app, scan(), accept=b"application/pdf")
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        assert not ended.is_set()
        stream.leave()
        await stream.done()
        assert ended.is_set()
        require_empty(serving)


async def test_images_of_others_get_past_a_document(serve: Serve) -> None:
    gate = Gate()
    async with serve(FakeReader(gate)) as client:
        reading = asyncio.create_task(client.post(URL, files={"file": scan(12)}))
        for _ in range(2):  # all slots are taken
            assert await asyncio.to_thread(gate.inside.acquire, timeout=PATIENCE)
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200
        assert not reading.done()
        gate.open(12)
        assert len((await reading).json()["pages"]) == 12


async def test_each_page_has_a_deadline_of_its_own(serve: Serve) -> None:
    gate = Gate()
    # The request's own would be over before the first page.
    async with serve(FakeReader(gate), page_timeout_seconds=2.0, request_timeout_seconds=1.0) as client:
        answer = await client.post(URL, files={"file": ("slow.pdf", tiff((41, 30), (40, 30), (40, 31)))})
        gate.open(1)
    codes = [page.get("error", {}).get("code") for page in answer.json()["pages"]]
    assert codes == ["deadline_exceeded", None, None]


async def test_the_deadline_that_a_client_names_is_that_of_the_whole(serve: Serve) -> None:
    gate = Gate()
    gate.open(1)
    async with serve(FakeReader(gate)) as client:
        answer = await client.post(URL, headers={"x-request-timeout-ms": "4000"}, files={"file": scan(12)})
        gate.open(4)
    assert answer.status_code == 200
    codes = [page.get("error", {}).get("code") for page in answer.json()["pages"]]
    assert len(codes) == 12
    assert codes[2:] == ["deadline_exceeded"] * 10


async def test_too_many_documents_are_429(serve: Serve) -> None:
    gate = Gate()
    async with serve(FakeReader(gate), max_documents=1) as client:
        reading = asyncio.create_task(client.post(URL, files={"file": SCAN}))
        assert await asyncio.to_thread(gate.inside.acquire, timeout=PATIENCE)
        refused = await client.post(URL, headers=LINES_TYPE, files={"file": SCAN})
        gate.open(2)
        assert (await reading).status_code == 200
        assert (await client.post(URL, files={"file": WRITTEN})).status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1


async def test_whose_key_has_no_document_inside_gets_past_a_key_that_fills_all_places(serve: Serve) -> None:
    gate = Gate()
    (one, its), (other, others) = new_key("one", ["read"]), new_key("other", ["read"])
    keys = f"{its.line()}; {others.line()}"
    async with serve(FakeReader(gate), max_documents=2, api_keys=keys) as client:
        posts = [asyncio.create_task(client.post(URL, headers={"x-api-key": one}, files={"file": SCAN})) for _ in "12"]
        for _ in posts:
            assert await asyncio.to_thread(gate.inside.acquire, timeout=PATIENCE)
        assert (await client.post(URL, headers={"x-api-key": one}, files={"file": SCAN})).status_code == 429
        assert (await client.post(URL, headers={"x-api-key": other}, files={"file": WRITTEN})).status_code == 200
        gate.open(4)
        assert [(await post).status_code for post in posts] == [200, 200]


def test_callers_without_keys_are_told_apart_by_their_networks() -> None:
    hosts = ["10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:10.0.0.1", "somewhere"]
    requests = [
        Request({"type": "http", "client": (host, 1), "state": {"exchange": Exchange(request_id="a")}})
        for host in hosts
    ]
    callers = [caller_of(request) for request in requests]
    assert callers == ["10.0.0.1", "10.0.0.2", "2001:db8::/64", "2001:db8::/64", "2001:db8:0:1::/64", "10.0.0.1", ""]


async def test_a_first_page_that_does_not_fit_in_is_429(serve: Serve) -> None:
    gate = Gate()
    async with serve(FakeReader(gate), max_queue_size=1, max_client_batch_size=1) as client:
        reading = asyncio.create_task(client.post(URL, files={"file": encoded(width=50)}))
        assert await asyncio.to_thread(gate.inside.acquire, timeout=PATIENCE)
        refused = await client.post(URL, headers=LINES_TYPE, files={"file": SCAN})
        gate.open(1)
        assert (await reading).status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")


async def test_a_document_that_is_given_up_by_the_service_ends(
    processes: list[PdfiumProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    async with running(FakeReader(gate)) as (app, serving):
        stream = Stream(app, scan(30))
        gate.open(1)
        assert (await stream.piece())["page"] == 1
        serving.scheduler.give_up()
        asked: list[object] = []
        for process in processes:
            monkeypatch.setattr(process, "ask", _noting(process.ask, asked))
        gate.open(3)
        codes = [(await stream.piece()).get("error", {}).get("code") for _ in range(29)]
        await stream.done()
        require_empty(serving)
    assert codes[4:] == ["not_ready"] * 25
    assert processes
    assert len(asked) <= 8  # of the pages under way; the others are not even looked at


def _noting(ask: Callable[..., Any], asked: list[object]) -> Callable[..., Any]:
    def noted(*args: Any, **options: Any) -> Any:
        asked.append(args)
        return ask(*args, **options)

    return noted
