"""Too much at a time, too late, nobody there any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from conftest import Serve
from service_fakes import PATIENCE, FakeReader, encoded, parts

from ocr_core.pipeline.result import ReadOptions
from service.app import create_app
from service.errors import ClientGoneError, DeadlineExceededError, OverloadedError
from service.reading import jobs_for
from service.settings import Settings
from service.ticket import Ticket
from service.uploads import Upload
from service.workers import Workers

pytestmark = pytest.mark.anyio
URL = "/v1/ocr"
IMAGE = encoded()


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks and threads run until `condition` holds, for states that have no event."""

    async def poll() -> None:
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)

    await asyncio.wait_for(poll(), PATIENCE)


async def started(reader: FakeReader) -> None:
    assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)


async def test_a_full_queue_answers_429_at_once_and_says_when_to_come_back(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, max_queue_size=2, max_client_batch_size=2) as client:
        first = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        await started(reader)
        waiting = asyncio.create_task(client.post(URL, files=parts(IMAGE, IMAGE)))
        workers = client._transport.app.state.context.serving.workers
        await until(lambda: workers.pending == 3)
        refused = await client.post(URL, files=parts(IMAGE))
        reader.release()
        answers = [await first, await waiting]
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert refused.headers["retry-after"] == "3"  # three images ahead, a second each until one was timed
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_batch_that_does_not_fit_is_refused_whole(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, max_queue_size=2, max_client_batch_size=2) as client:
        first = asyncio.create_task(client.post(URL, files=parts(IMAGE, IMAGE)))
        await started(reader)
        refused = await client.post(URL, files=parts(IMAGE, IMAGE))
        reader.release()
        assert (await first).status_code == 200
    assert refused.status_code == 429
    assert len(reader.calls) == 2


async def test_requests_over_the_limit_are_refused_before_their_bodies(serve: Serve) -> None:
    reader = FakeReader(held=True)
    sent = []

    async def body() -> AsyncIterator[bytes]:
        sent.append(1)
        yield IMAGE

    async with serve(reader, max_concurrent_requests=1) as client:
        first = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        await started(reader)
        refused = await client.post(URL, content=body(), headers={"content-type": "image/png"})
        reader.release()
        assert (await first).status_code == 200
        again = await client.post(URL, files=parts(IMAGE))
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    assert not sent
    assert again.status_code == 200


async def test_a_deadline_that_passes_while_reading_is_504(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader) as client:
        answer = await client.post(URL, headers={"x-request-timeout-ms": "100"}, files=parts(IMAGE))
        reader.release()
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


async def test_what_was_not_begun_by_its_deadline_is_never_begun(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader) as client:
        first = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        await started(reader)
        late = await client.post(URL, headers={"x-request-timeout-ms": "50"}, files=parts(IMAGE))
        reader.release()
        assert (await first).status_code == 200
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200
    assert late.status_code == 504
    assert len(reader.calls) == 2


async def test_images_read_in_time_are_not_lost_to_the_late_ones(serve: Serve) -> None:
    held = FakeReader(held=True, streams=2)
    quick = FakeReader()

    def page(pixels, options):  # type: ignore[no-untyped-def]
        return quick.read(pixels, options) if pixels.shape[1] == 40 else held.read(pixels, options)

    reader = FakeReader(page, streams=2)
    async with serve(reader) as client:
        files = parts(IMAGE, encoded(width=50))
        answer = await client.post(URL, headers={"x-request-timeout-ms": "1500"}, files=files)
        held.release()
    assert answer.status_code == 200
    good, late = answer.json()["pages"]
    assert len(good["lines"]) == 2
    assert late["error"]["code"] == "deadline_exceeded"


async def test_an_upload_that_does_not_end_is_504(serve: Serve) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield IMAGE
        await asyncio.Event().wait()

    async with serve(request_timeout_seconds=0.05) as client:
        answer = await client.post(URL, content=body(), headers={"content-type": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


async def test_a_client_cannot_ask_for_more_time_than_is_allowed(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, max_request_timeout_seconds=0.05) as client:
        answer = await client.post(URL, headers={"x-request-timeout-ms": "3600000"}, files=parts(IMAGE))
        reader.release()
    assert answer.status_code == 504


async def test_a_client_that_leaves_is_taken_out_of_the_queue() -> None:
    reader = FakeReader(held=True)
    app = create_app(Settings(), engine_factory=lambda _: reader)
    async with app.router.lifespan_context(app):
        serving = app.state.context.serving
        await serving.settled()
        first, second = Connection(app), Connection(app)
        first.request(IMAGE)
        await started(reader)
        second.request(IMAGE)
        await until(lambda: serving.workers.pending == 2)
        second.leave()
        await second.done()
        assert serving.workers.pending == 1
        reader.release()
        await first.done()
    assert len(reader.calls) == 1
    assert (first.status, second.status) == (200, 499)


class Connection:
    """An ASGI server's side of one request, which may break off."""

    def __init__(self, app) -> None:  # type: ignore[no-untyped-def]
        self._app = app
        self._incoming: asyncio.Queue = asyncio.Queue()
        self.status = None

    def request(self, image: bytes) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": URL,
            "query_string": b"",
            "headers": [(b"content-type", b"image/png")],
        }
        self._incoming.put_nowait({"type": "http.request", "body": image, "more_body": False})
        self._task = asyncio.create_task(self._app(scope, self._incoming.get, self._send))

    def leave(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def done(self) -> None:
        await asyncio.wait_for(self._task, PATIENCE)

    async def _send(self, message) -> None:  # type: ignore[no-untyped-def]
        self.status = message.get("status", self.status)


async def test_retry_after_follows_the_times_of_recent_jobs() -> None:
    workers = Workers(threads=1, max_queue_size=100)
    for _ in range(60):
        await asyncio.gather(*workers.submit(lambda: None))
    assert workers.retry_after() == 1
    workers._mean_seconds, workers._pending = 0.5, 20
    assert workers.retry_after() == 10
    workers.close()


async def test_a_failed_job_frees_its_place_and_teaches_nothing_about_time() -> None:
    workers = Workers(threads=1, max_queue_size=1)

    def fail() -> None:
        raise ValueError

    for _ in range(5):
        (result,) = await asyncio.gather(*workers.submit(fail), return_exceptions=True)
        assert isinstance(result, ValueError)
        await until(lambda: workers.pending == 0)
    assert workers._mean_seconds == 1
    with pytest.raises(OverloadedError):
        workers.submit(*[fail] * 3)
    assert workers.pending == 0
    workers.close()


def test_a_job_that_nobody_waits_for_does_not_even_decode() -> None:
    reader, ticket = FakeReader(), Ticket(float("inf"))
    ticket.cancel()
    (job,) = jobs_for([Upload("a", b"no image")], reader, ReadOptions(), 1000, ticket)
    with pytest.raises(ClientGoneError):
        job()


def test_the_deadline_is_looked_at_between_decoding_and_reading() -> None:
    times = iter([0.0, 2.0])
    reader, ticket = FakeReader(), Ticket(1.0, clock=lambda: next(times))
    (job,) = jobs_for([Upload("a", IMAGE)], reader, ReadOptions(), 10_000, ticket)
    with pytest.raises(DeadlineExceededError):
        job()
    assert not reader.calls


def test_tickets_run_out_by_their_clock_or_are_given_back() -> None:
    now = 100.0
    ticket = Ticket(101.0, clock=lambda: now)
    ticket.check()
    assert ticket.remaining() == 1
    now = 101.0
    assert ticket.remaining() == 0
    with pytest.raises(DeadlineExceededError):
        ticket.check()
    ticket.cancel()
    with pytest.raises(ClientGoneError):
        ticket.check()
