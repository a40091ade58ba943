"""Both clients against prepared answers: what is sent, tried again, given up, and raised."""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from prepared import END, LINES, OK, PAGE, Service, async_client_of, client_of, form, lines, of_type, problem

from ocr_client import (
    AccessError,
    AsyncClient,
    Client,
    DeadlineExceededError,
    FileError,
    Format,
    InternalError,
    OverloadedError,
    RequestError,
    Retries,
    ServiceError,
    TransportError,
    UnavailableError,
    Upload,
)


def test_files_and_options_are_a_form(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    service = Service(OK)
    answer = client_of(service, api_key="k").read(tmp_path / "a.jpg", words=True, min_confidence=0.2, pages="1-2")
    request = service.asked[0]
    assert (request.method, str(request.url)) == ("POST", "http://service/v1/ocr")
    assert form(request) == {"file": b"picture", "words": b"true", "min_confidence": b"0.2", "pages": b"1-2"}
    assert b'filename="a.jpg"' in request.content
    assert request.headers["x-api-key"] == "k"
    assert "x-request-timeout-ms" not in request.headers
    assert (answer.text, answer.model.name, answer.pages[0].lines[0].polygon[2]) == ("Total", "m", (9.0, 5.0))


@pytest.mark.parametrize(
    ("file", "name"),
    [(b"picture", None), (Upload("b.png", b"picture"), "b.png"), (io.BytesIO(b"picture"), None)],
)
def test_files_may_be_bytes(file: Any, name: str | None) -> None:
    service = Service(OK)
    client_of(service).read(file)
    assert form(service.asked[0]) == {"file": b"picture"}
    assert (b"filename" in service.asked[0].content) == (name is not None)
    assert (name or "").encode() in service.asked[0].content


def test_an_open_file_keeps_its_name_and_can_be_sent_twice(tmp_path: Path, waits: list[float]) -> None:
    (tmp_path / "c.jpg").write_bytes(b"picture")
    service = Service(problem(503, "not_ready"), OK)
    with (tmp_path / "c.jpg").open("rb") as file:
        client_of(service).read(file)
    assert [form(request)["file"] for request in service.asked] == [b"picture", b"picture"]
    assert b'filename="c.jpg"' in service.asked[1].content
    assert len(waits) == 1


def test_wrong_arguments_are_told_before_anything_is_sent() -> None:
    service = Service(OK)
    client = client_of(service)
    with pytest.raises(TypeError, match="no file"):
        client.read()
    with pytest.raises(TypeError, match=r"wordz.*min_confidence"):
        client.read(b"x", wordz=True)  # type: ignore[call-arg]
    with pytest.raises(FileNotFoundError):
        client.read("nowhere.jpg")
    with pytest.raises(ValueError, match="http://"):
        Client("localhost:8000")
    with pytest.raises(ValueError, match="timeout of 0"):
        client.read(b"x", timeout=0)
    assert not service.asked


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "malformed_request", RequestError),
        (401, "unauthorized", AccessError),
        (403, "forbidden", AccessError),
        (404, "not_found", RequestError),
        (413, "image_too_large", FileError),
        (413, "too_many_images", RequestError),
        (415, "unsupported_image_type", FileError),
        (422, "wrong_password", FileError),
        (422, "a_code_of_next_year", FileError),
        (422, "invalid_pages", RequestError),
        (429, "overloaded", OverloadedError),
        (500, "backend_error", InternalError),
        (503, "not_ready", UnavailableError),
        (504, "deadline_exceeded", DeadlineExceededError),
    ],
)
def test_problems_have_classes(status: int, code: str, kind: type[ServiceError]) -> None:
    with pytest.raises(kind, match="why") as caught:
        client_of(Service(problem(status, code)), retries=Retries(times=0)).read(b"x")
    error = caught.value
    assert isinstance(error, ServiceError)
    assert (error.code, error.status, error.request_id, error.retry_after) == (code, status, "r", None)


def test_a_problem_tells_of_fields_and_pages() -> None:
    fields = [{"loc": ["body", "pages"], "msg": "no"}]
    with pytest.raises(RequestError) as caught:
        client_of(Service(problem(422, "invalid_request", errors=fields))).read(b"x")
    assert caught.value.fields == tuple(fields)
    pages = [{"file": "a", "page": 1, "error": {}}]
    with pytest.raises(FileError) as failed:
        client_of(Service(problem(422, "no_image_read", pages=pages))).read(b"x")
    assert failed.value.pages == tuple(pages)


def test_what_others_answer_is_an_error_too() -> None:
    with pytest.raises(UnavailableError, match="Bad gateway") as caught:
        client_of(Service(httpx.Response(502, html="<p>Bad\n gateway")), retries=Retries(times=0)).read(b"x")
    assert caught.value.code == "http_502"
    moved = httpx.Response(308, headers={"location": "https://service/v1/ocr"})
    with pytest.raises(RequestError, match="https://service/v1/ocr"):
        client_of(Service(moved)).read(b"x")
    with pytest.raises(TransportError, match="none of an OCR service"):
        client_of(Service(httpx.Response(200, html="<p>Welcome"))).read(b"x")


def test_a_stream_gives_pages_and_then_its_end() -> None:
    failed = {"file": "a.jpg", "page": 2, "error": {"code": "unreadable_page", "status": 422, "detail": "why"}}
    service = Service(lines(PAGE, failed, {**END, "pages": 2, "failed": 1}))
    with client_of(service).stream(b"x") as stream:
        first, second = stream
    assert service.asked[0].headers["accept"] == "application/x-ndjson"
    assert (first.text, first.error) == ("Total", None)
    assert second.error is not None
    assert (second.number, second.error.code, second.lines) == (2, "unreadable_page", ())
    assert stream.end is not None
    assert (stream.end.failed, stream.end.model.name) == (1, "m")


def test_a_stream_that_is_cut_off_is_an_error_after_its_pages() -> None:
    taken = []
    with pytest.raises(TransportError, match="before its last"), client_of(Service(lines(PAGE))).stream(b"x") as pages:
        taken += [page.text for page in iter(pages)]
    with client_of(Service(lines(PAGE))).stream(b"x") as pages:
        assert next(pages).text == "Total"


def test_a_stream_is_cut_at_line_feeds_alone() -> None:
    name = "a\u2028b\u0085c.pdf"
    body = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in ({**PAGE, "file": name}, END))
    with client_of(Service(of_type(LINES, body))).stream(b"f") as pages:
        assert [page.file for page in pages] == [name]


@pytest.mark.anyio
async def test_the_other_client_cuts_at_line_feeds_as_well() -> None:
    body = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in ({**PAGE, "file": "\u2028"}, END))
    async with async_client_of(Service(of_type(LINES, body))).stream(b"f") as pages:
        assert [page.file async for page in pages] == ["\u2028"]


def test_a_line_that_never_ends_is_given_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ocr_client.retries.time.monotonic", lambda: now[0])

    class Trickle(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(100):
                now[0] += 1
                yield b" "

    for status in (200, 503):
        http = httpx.Client(
            transport=httpx.MockTransport(
                lambda request, status=status: httpx.Response(status, headers={"content-type": LINES}, stream=Trickle())
            )
        )
        now[0] = 0
        client = Client("http://service", http=http, timeout=10)
        with pytest.raises(DeadlineExceededError), client.stream(b"f") as pages:
            next(pages)
        assert now[0] < 20


@pytest.mark.parametrize("body", [b"[]", b"{}", b"5", b'{"pages": 5}', b"[" * 100_000, b'{"pages": [], "model": null}'])
def test_json_of_others_is_an_error_of_this_package(body: bytes) -> None:
    client = client_of(Service(of_type("application/json", body)), retries=Retries(times=0))
    for ask in (lambda: client.read(b"f"), client.models, client.version):
        with pytest.raises(TransportError):
            ask()
    client = client_of(Service(of_type(LINES, body + b"\n")), retries=Retries(times=0))
    with pytest.raises(TransportError, match="none of an OCR service"), client.stream(b"f") as pages:
        next(pages)


WELCOME = httpx.Response(200, html="<p>Sign in to the network")


@pytest.mark.anyio
async def test_a_page_of_others_is_never_taken_for_the_answer(waits: list[float]) -> None:
    service = Service(WELCOME)
    client, other = client_of(service), async_client_of(service)
    for to in get_args(Format):
        with pytest.raises(TransportError, match=r"its address\? It is text/html, not "):
            client.convert(b"x", to=to)
        with pytest.raises(TransportError, match="It is text/html, not "):
            await other.convert(b"x", to=to)
    for ask in (lambda: client.read(b"f"), client.models, client.version):
        with pytest.raises(TransportError, match="It is text/html, not application/json"):
            ask()
    with pytest.raises(TransportError, match="not application/x-ndjson"), client.stream(b"f"):
        pass
    with pytest.raises(TransportError, match="not application/x-ndjson"):
        async with other.stream(b"f"):
            pass
    assert not client.ready()
    assert not waits  # it would be there again


@pytest.mark.parametrize("more", [{"status": "x"}, {"status": None}, {"errors": 5}, {"pages": True}])
def test_a_problem_of_others_may_hold_anything(more: dict[str, Any]) -> None:
    with pytest.raises(FileError) as caught:
        client_of(Service(httpx.Response(422, json={"code": "odd", **more}))).read(b"f")
    assert (caught.value.code, caught.value.status) == ("odd", 422)


def test_the_key_goes_nowhere_else() -> None:
    moved = Service(httpx.Response(307, headers={"location": "http://other/"}))
    http = httpx.Client(transport=httpx.MockTransport(moved), follow_redirects=True)
    with pytest.raises(RequestError, match="http://other/"):
        Client("http://service", api_key="secret", http=http).read(b"f")
    assert len(moved.asked) == 1


@pytest.mark.anyio
async def test_the_other_client_streams_as_well(waits: list[float]) -> None:
    service = Service(problem(429, "overloaded"), lines(PAGE, END))
    async with async_client_of(service) as client, client.stream(b"x") as pages:
        assert [page.text async for page in pages] == ["Total"]
        assert pages.end is not None
        with pytest.raises(StopAsyncIteration):
            await anext(pages)
    async with async_client_of(Service(lines(PAGE))) as client, client.stream(b"x") as pages:
        assert (await anext(pages)).text == "Total"
        with pytest.raises(TransportError, match="before its last"):
            await anext(pages)


def test_forms_are_text_but_for_pdf() -> None:
    service = Service(of_type("text/markdown; charset=utf-8", "é"), of_type("application/pdf", "é"))
    client = client_of(service)
    assert client.convert(b"x", to="markdown") == "é"
    assert client.convert(b"x", to="pdf", pages="2") == "é".encode()
    assert [form(request).get("format") for request in service.asked] == [b"markdown", b"pdf"]


def test_a_client_of_ones_own_stays_open_and_ours_does_not() -> None:
    http = httpx.Client(transport=httpx.MockTransport(Service(OK)))
    with Client("http://service", http=http):
        pass
    assert not http.is_closed
    with Client("http://service") as client:
        own = client._http
    assert own.is_closed
    assert not own.follow_redirects, "the key would go wherever an answer points"
    http.close()


def signatures(kind: type) -> dict[str, list[str]]:
    public: list[tuple[str, Callable[..., Any]]] = [
        (name, value) for name, value in vars(kind).items() if not name.startswith("_") and callable(value)
    ]
    return {
        name.removeprefix("a") if name == "aclose" else name: list(inspect.signature(v).parameters)
        for name, v in public
    }


def test_both_clients_have_the_same_methods() -> None:
    assert signatures(Client) == signatures(AsyncClient)
    assert inspect.signature(Client).parameters.keys() == inspect.signature(AsyncClient).parameters.keys()


def test_the_key_does_not_show() -> None:
    assert "secret" not in repr(Client("http://service", api_key="secret"))
