"""What is wrong in a call is told in words and sent to nobody; what is wrong in an answer is an `OcrError`."""

from __future__ import annotations

import copy
import io
import pickle
import traceback
from typing import Any

import httpx
import pytest
from prepared import END, LINE, OK, PAGE, Service, async_client_of, client_of, lines, problem

from ocr_client import AsyncClient, Client, OcrError, OverloadedError, Retries, TransportError, Upload


@pytest.mark.parametrize("key", ["s3cr3t\n", " s3cr3t", "s3cr3t ", "s3\r\ncr3t", "schlüssel-s3cr3t", "s3cr3t\0"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(key: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="API key") as caught:
            kind("http://service", api_key=key)
        assert "3cr3t" not in str(caught.value)


@pytest.mark.anyio
async def test_what_is_no_http_is_not_tried_again_nor_shown(waits: list[float]) -> None:
    service = Service(httpx.LocalProtocolError("Illegal header value b's3cr3t\\n'"))
    with pytest.raises(TransportError) as caught:
        client_of(service).read(b"f")
    with pytest.raises(TransportError):
        await async_client_of(service).read(b"f")
    assert (len(service.asked), waits) == (2, [])
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "é", "x" * 256])
def test_an_idempotency_key_is_a_word(key: str) -> None:
    service = Service(OK)
    with pytest.raises(ValueError, match="idempotency key"):
        client_of(service).submit(b"f", key=key)
    assert not service.asked


def test_names_that_are_not_utf_8_are_sent() -> None:
    service, name = Service(OK), "caf\udce9.jpg"
    named = io.BytesIO(b"f")
    named.name = name  # type: ignore[attr-defined]
    for file in (Upload(name, b"f"), named):
        client_of(service).read(file)
        assert 'filename="caf\ufffd.jpg"'.encode() in service.asked[-1].content


@pytest.mark.parametrize("file", [(one for one in [b"f"]), 5, None, io.StringIO("text"), Upload("a", "text")])  # type: ignore[arg-type]
def test_what_is_no_file_is_told(file: Any) -> None:
    service = Service(OK)
    with pytest.raises(TypeError, match=r"^a file "):
        client_of(service).read(file)
    assert not service.asked


def test_coordinates_of_others_may_be_any_number() -> None:
    far = {**PAGE, "lines": [{**LINE, "polygon": [[10**400, 0], [9, 0], [9, 5], [0, 5]]}]}
    with pytest.raises(OcrError), client_of(Service(lines(far, END))).stream(b"f") as pages:
        next(pages)


@pytest.mark.anyio
async def test_pages_are_taken_inside_their_block() -> None:
    with client_of(Service(lines(PAGE, PAGE, END))).stream(b"f") as pages:
        next(pages)
    with pytest.raises(RuntimeError, match="inside the block"):
        next(pages)
    async with async_client_of(Service(lines(PAGE, PAGE, END))).stream(b"f") as others:
        await anext(others)
    with pytest.raises(RuntimeError, match="inside the block"):
        await anext(others)
    with client_of(Service(lines(PAGE, END))).stream(b"f") as pages:
        assert len(list(pages)) == 1
    assert not list(pages)


def test_a_client_that_was_closed_says_so() -> None:
    client = Client("http://service")
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.read(b"f")


def test_the_rest_of_a_problem_is_as_before() -> None:
    with pytest.raises(OcrError) as caught:
        client_of(Service(problem(500, "backend_error"))).read(b"f")
    assert (str(caught.value), caught.value.job_id) == ("why (backend_error, HTTP 500)", None)


@pytest.mark.parametrize("step", [problem(429, "overloaded", retry_after="7"), httpx.ReadError("reset")])
@pytest.mark.parametrize("way", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_an_error_may_go_to_another_process(step: Any, way: Any) -> None:
    """A pool of processes waited for ever where a worker raised one."""
    with pytest.raises(OcrError) as caught:
        client_of(Service(step), retries=Retries(times=0)).submit(b"f", key="mine")
    found = way(caught.value)
    assert (type(found), str(found), vars(found)) == (type(caught.value), str(caught.value), vars(caught.value))
    assert found.idempotency_key == "mine"


@pytest.mark.parametrize(
    "when", ["01 Jan 99999999999999999999 00:00:00 GMT", "01 Jan 2030 00:00:00 +99999999999999999999"]
)
def test_a_time_to_come_back_that_there_is_not_is_passed_over(when: str) -> None:
    with pytest.raises(OverloadedError) as caught:
        client_of(Service(problem(429, "overloaded", retry_after=when)), retries=Retries(times=0)).read(b"f")
    assert caught.value.retry_after is None
