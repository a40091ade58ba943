"""Too much at a time, too late, nobody there any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import httpx
import pytest
from service_clients import Leap, Serve
from service_fakes import PATIENCE, FakeReader, encoded, parts

from ocr_core.pipeline.result import ReadOptions
from service.app import create_app
from service.engine.batching.queue import Kind
from service.engine.batching.stages import Stages
from service.engine.image_job import ImageJob
from service.engine.models.loaded import Loaded
from service.engine.ticket import Ticket
from service.errors import ClientGoneError, DeadlineExceededError
from service.settings import Settings

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
        inside = [asyncio.create_task(client.post(URL, files=parts(IMAGE))) for _ in range(2)]
        for _ in inside:
            await started(reader)
        refused = await client.post(URL, files=parts(IMAGE))
        reader.release()
        answers = await asyncio.gather(*inside)
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_light_images_find_room_where_pages_have_taken_theirs(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, max_queue_size=4, max_client_batch_size=4) as client:
        costs = client._transport.app.state.context.serving.models.default.stages.costs
        for _ in range(100):
            costs.learn(Kind("det", "", 1, 1), 1, 1e-4)  # a page takes a fifth of a second, a line next to nothing
        pages = [asyncio.create_task(client.post(URL, files=parts(IMAGE))) for _ in range(4)]
        await started(reader)
        admission = client._transport.app.state.context.serving.admission
        await until(lambda: admission.images == 4)
        refused = await client.post(URL, files=parts(IMAGE))
        line = asyncio.create_task(client.post(f"{URL}?detect=false", files=parts(IMAGE)))
        await until(lambda: admission.images == 5)
        no_room = await client.post(f"{URL}?detect=false", files=parts(IMAGE))
        reader.release()
        answers = await asyncio.gather(*pages, line)
    assert (refused.status_code, no_room.status_code) == (429, 429)
    assert [answer.status_code for answer in answers] == [200] * 5


async def test_a_batch_that_does_not_fit_is_refused_whole(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, max_queue_size=2, max_client_batch_size=2) as client:
        first = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        await started(reader)
        refused = await client.post(URL, files=parts(IMAGE, IMAGE))
        reader.release()
        assert (await first).status_code == 200
        assert (await client.post(URL, files=parts(IMAGE, IMAGE))).status_code == 200
    assert refused.status_code == 429
    assert len(reader.calls) == 3


async def test_images_that_would_take_all_the_memory_are_refused_by_their_headers(serve: Serve) -> None:
    reader = FakeReader(held=True)
    large = encoded(width=400, height=300)
    limits = {"payload_limit": 2**18, "max_pixels": 200_000, "max_memory": 2_600_000}
    async with serve(reader, **limits) as client:
        first = asyncio.create_task(client.post(URL, files=parts(large)))
        await started(reader)
        refused = await client.post(URL, files=parts(large, large))
        never = await client.post(URL, files=parts(large, large, large))
        reader.release()
        assert (await first).status_code == 200
        assert (await client.post(URL, files=parts(large, large))).status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (429, "memory_exhausted")
    assert int(refused.headers["retry-after"]) >= 1
    assert (never.status_code, never.json()["code"]) == (413, "too_many_images")


async def read_within_five_seconds(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, *, expected: float, others: Sequence[float] = ()
) -> httpx.Response:
    """Send an image that takes next to nothing and is expected to take so many seconds, beside others."""
    monkeypatch.setattr(Stages, "expected_cost", lambda *_, **__: expected)
    async with serve(FakeReader()) as client:
        scheduler = client._transport.app.state.context.serving.scheduler
        for other in others:
            scheduler.enter(Ticket(float("inf")), expected=other)
        return await client.post(URL, headers={"x-request-timeout-ms": "5000"}, files=parts(IMAGE))


async def test_what_cannot_be_read_in_time_for_others_is_refused_at_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await read_within_five_seconds(serve, monkeypatch, expected=4.0, others=[3.0] * 3)
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert int(refused.headers["retry-after"]) == 12  # 1.25 × 13 s, beyond 5 s


async def test_what_takes_too_long_by_itself_is_told_so_and_not_that_others_are_in_the_way(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await read_within_five_seconds(serve, monkeypatch, expected=100.0, others=[0.1])
    assert (refused.status_code, refused.json()["code"]) == (504, "deadline_exceeded")
    assert "100.0 s by itself" in refused.json()["detail"]
    assert "retry-after" not in refused.headers


async def test_an_idle_service_tries_whatever_is_predicted(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await read_within_five_seconds(serve, monkeypatch, expected=100.0)).status_code == 200


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
        inside = [asyncio.create_task(client.post(URL, files=parts(IMAGE))) for _ in range(2)]
        for _ in inside:
            await started(reader)
        late = await client.post(URL, headers={"x-request-timeout-ms": "50"}, files=parts(IMAGE))
        reader.release()
        assert [(await answer).status_code for answer in inside] == [200, 200]
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200
    assert late.status_code == 504
    assert len(reader.calls) == 3


async def test_a_small_image_is_begun_beside_the_large_ones_that_fill_the_slots(serve: Serve) -> None:
    held, quick = FakeReader(held=True), FakeReader()

    def page(pixels, options):  # type: ignore[no-untyped-def]
        return (held if pixels.shape[1] > 500 else quick).read(pixels, options)

    async with serve(FakeReader(page)) as client:
        large = encoded(width=800, height=800)
        pages = [asyncio.create_task(client.post(URL, files=parts(large))) for _ in range(3)]
        for _ in range(2):
            await started(held)
        small = await client.post(URL, files=parts(encoded(width=64, height=64)))
        assert len(held.calls) == 2
        held.release()
        assert {(await answer).status_code for answer in pages} == {200}
    assert small.status_code == 200


async def test_images_read_in_time_are_not_lost_to_the_late_ones(serve: Serve, leap: Leap) -> None:
    held, quick = FakeReader(held=True), FakeReader()

    def page(pixels, options):  # type: ignore[no-untyped-def]
        return quick.read(pixels, options) if pixels.shape[1] == 40 else held.read(pixels, options)

    # On one slot the second image is begun when the first is done.
    async with serve(FakeReader(page), threads=1) as client:
        reading = asyncio.create_task(client.post(URL, files=parts(IMAGE, encoded(width=50))))
        await started(held)
        leap(60)
        answer = await reading
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
    async with serve(reader, max_request_timeout_seconds=0.5) as client:
        answer = await client.post(URL, headers={"x-request-timeout-ms": "3600000"}, files=parts(IMAGE))
        reader.release()
    assert answer.status_code == 504


async def test_a_client_that_leaves_is_taken_out_of_the_queue() -> None:
    reader = FakeReader(held=True)
    app = create_app(Settings(threads=2), engine_factory=lambda _: reader)
    async with app.router.lifespan_context(app):
        serving = app.state.context.serving
        await serving.settled()
        inside = [Connection(app), Connection(app)]
        for connection in inside:
            connection.request(IMAGE)
            await started(reader)
        leaving = Connection(app)
        leaving.request(IMAGE)
        await until(lambda: serving.admission.images == 3)
        leaving.leave()
        await leaving.done()
        assert serving.admission.images == 2
        reader.release()
        for connection in inside:
            await connection.done()
    assert len(reader.calls) == 2
    assert [connection.status for connection in (*inside, leaving)] == [200, 200, 499]


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


def job_of(reader: FakeReader, ticket: Ticket) -> ImageJob:
    """Return the job that reads IMAGE for a request with `ticket`."""
    return ImageJob(
        data=IMAGE,
        options=ReadOptions(),
        max_pixels=Settings().max_pixels,
        model=Loaded(reader, None, lambda _: None),
        scheduler=None,
        ticket=ticket,
    )


def test_a_job_that_nobody_waits_for_does_not_even_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.image_job.images.decode", None)
    ticket = Ticket(float("inf"))
    ticket.cancel()
    with pytest.raises(ClientGoneError):
        job_of(FakeReader(), ticket).run()


def test_the_deadline_is_looked_at_between_decoding_and_reading() -> None:
    times = iter([0.0, 2.0])
    reader = FakeReader()
    with pytest.raises(DeadlineExceededError):
        job_of(reader, Ticket(1.0, clock=lambda: next(times))).run()
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


async def test_webp_counts_twice_since_its_decoder_holds_canvases_of_its_own(serve: Serve) -> None:
    async with serve(max_pixels=10_000, payload_limit=1_000_000, max_memory=2_000_000 + 8 * 10_000) as client:
        statuses = {
            suffix: (await client.post(URL, files=parts(encoded(suffix, 100, 100)))).status_code
            for suffix in (".png", ".webp")
        }
    assert statuses == {".png": 200, ".webp": 413}
