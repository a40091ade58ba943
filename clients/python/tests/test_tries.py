"""What is tried again, how long that is waited for, and when it is given up."""

from __future__ import annotations

import time

import httpx
import pytest
from prepared import END, OK, PAGE, Service, Step, async_client_of, client_of, lines, problem

import ocr_client
from ocr_client import (
    OverloadedError,
    Retries,
    TransportError,
    UnavailableError,
)

RETRIED = [
    problem(429, "overloaded", retry_after="7"),
    problem(503, "not_ready", retry_after="7"),
    httpx.Response(503, headers={"retry-after": "7"}),
    httpx.ConnectError("refused"),
    httpx.ReadError("reset"),
    httpx.RemoteProtocolError("gone"),
    problem(408, "upload_stalled"),
]


@pytest.mark.parametrize("step", RETRIED)
def test_what_passes_is_tried_again(step: Step, waits: list[float]) -> None:
    service = Service(step, step, OK)
    assert client_of(service).read(b"x").text == "Total"
    assert len(service.asked) == 3
    told = isinstance(step, httpx.Response) and "retry-after" in step.headers
    assert all(7 <= wait <= 8.75 if told else 0.25 <= wait <= 1 for wait in waits), waits


@pytest.mark.anyio
@pytest.mark.parametrize("step", RETRIED)
async def test_the_other_client_tries_again_as_well(step: Step, waits: list[float]) -> None:
    service = Service(step, step, OK)
    async with async_client_of(service) as client:
        assert (await client.read(b"x")).text == "Total"
    assert (len(service.asked), len(waits)) == (3, 2)


@pytest.mark.parametrize(
    "step",
    [
        problem(422, "undecodable_image"),
        problem(500, "backend_error"),
        problem(504, "deadline_exceeded"),
        problem(401, "unauthorized"),
        httpx.ReadTimeout("silent"),
    ],
)
def test_what_stays_is_not_tried_again(step: Step, waits: list[float]) -> None:
    service = Service(step)
    with pytest.raises(ocr_client.OcrError):
        client_of(service).read(b"x")
    assert (len(service.asked), waits) == (1, [])


def test_tries_end(waits: list[float]) -> None:
    service = Service(problem(429, "overloaded"))
    with pytest.raises(OverloadedError):
        client_of(service, retries=Retries(times=4, first_wait=1, longest_wait=3)).read(b"x")
    assert len(service.asked) == 5
    assert [0.5 <= waits[0] <= 1, 1 <= waits[1] <= 2, 1.5 <= waits[2] <= 3, 1.5 <= waits[3] <= 3] == [True] * 4


def test_a_wait_that_is_too_long_is_not_begun(waits: list[float]) -> None:
    service = Service(problem(429, "overloaded", retry_after="61"))
    with pytest.raises(OverloadedError) as caught:
        client_of(service).read(b"x")
    assert (caught.value.retry_after, len(service.asked), waits) == (61.0, 1, [])


def test_tries_may_go_on_for_days() -> None:
    assert 0 < (Retries(times=10_000).wait(TransportError("x"), 5000) or 0) <= 60


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e12])
def test_times_that_are_none(seconds: float) -> None:
    with pytest.raises(ValueError, match="a timeout of"):
        client_of(Service(OK), timeout=seconds).read(b"f")


def test_no_try_begins_after_the_deadline(waits: list[float]) -> None:
    service = Service(problem(429, "overloaded", retry_after="7"))
    with pytest.raises(OverloadedError):
        client_of(service).read(b"x", timeout=5)
    assert (len(service.asked), waits) == (1, [])
    assert 4000 < int(service.asked[0].headers["x-request-timeout-ms"]) <= 5000
    assert 4 < service.asked[0].extensions["timeout"]["read"] <= 5


def test_retry_after_may_be_a_date(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 784111770.0)
    service = Service(problem(503, "not_ready", retry_after="Sun, 06 Nov 1994 08:49:37 GMT"), OK)
    client_of(service).read(b"x")
    assert 7 <= waits[0] <= 8.75
    with pytest.raises(UnavailableError) as caught:
        client_of(Service(problem(503, "x", retry_after="soon")), retries=Retries(times=0)).read(b"x")
    assert caught.value.retry_after is None


def test_a_stream_is_tried_again_until_it_begins(waits: list[float]) -> None:
    service = Service(problem(429, "overloaded"), lines(PAGE, END))
    with client_of(service).stream(b"x") as pages:
        assert [page.text for page in pages] == ["Total"]
    assert len(waits) == 1
