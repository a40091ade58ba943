"""Bodies: nobody's is read before his key, all are limited, and those that do not come hold nothing."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from service_clients import Serve
from service_fakes import PATIENCE, FakeReader, encoded, parts

from service.auth.keys import new_key
from service.engine.admission import ARRIVING, Admission
from service.http.bodies import MAX_BODY_BYTES
from service.http.multipart import FormReader

pytestmark = pytest.mark.anyio
URL = "/v1/ocr"
LOAD, UNLOAD = "/v1/models/fake/load", "/v1/models/fake/unload"
IMAGE = encoded()
PNG = {"content-type": "image/png"}
READ, READ_KEY = new_key("till", ["read"])
ADMIN, ADMIN_KEY = new_key("ops", ["admin"])
KEYS = f"{READ_KEY.line()}; {ADMIN_KEY.line()}"


async def pieces(sent: list[bytes], count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        sent.append(bytes(1000))
        yield sent[-1]


@pytest.mark.parametrize("path", [LOAD, UNLOAD])
@pytest.mark.parametrize(("key", "status"), [(None, 401), (READ, 403)], ids=["none", "to read"])
async def test_a_strangers_order_is_not_read(serve: Serve, path: str, key: str | None, status: int) -> None:
    sent: list[bytes] = []
    async with serve(api_keys=KEYS) as client:
        answer = await client.post(path, content=pieces(sent, 5), headers={"x-api-key": key} if key else {})
    assert answer.status_code == status
    assert answer.headers["connection"] == "close"
    assert not sent


@pytest.mark.parametrize("path", [LOAD, UNLOAD])
async def test_orders_are_limited_declared_or_not(serve: Serve, path: str) -> None:
    sent: list[bytes] = []
    async with serve(api_keys=KEYS) as client:
        headers = {"x-api-key": ADMIN}
        declared = await client.post(path, content=pieces(sent, 5), headers={**headers, "content-length": "70000"})
        assert not sent
        chunked = await client.post(path, content=pieces(sent, 1000), headers=headers)
    assert [answer.json()["code"] for answer in (declared, chunked)] == ["payload_too_large"] * 2
    assert sum(map(len, sent)) <= MAX_BODY_BYTES + 1000


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_request"),
        (b'{"version": "../1"}', 422, "invalid_request"),
        (b'{"colour": "red"}', 422, "invalid_request"),
        (b"[" * 1000, 400, "malformed_request"),
        (b"", 404, "bundle_not_found"),
        (b"null", 404, "bundle_not_found"),
    ],
)
async def test_orders(serve: Serve, body: bytes, status: int, code: str) -> None:
    async with serve(api_keys=KEYS) as client:
        answer = await client.post(LOAD.replace("fake", "none"), content=body, headers={"x-api-key": ADMIN})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


class Silent:
    """A body that begins and then does not go on until it is told to."""

    def __init__(self, *first: bytes) -> None:
        self.opened = asyncio.Event()
        self.begun = asyncio.Event()
        self._first = first

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._first:
            yield piece
        self.begun.set()
        await asyncio.wait_for(self.opened.wait(), PATIENCE)
        yield IMAGE


@asynccontextmanager
async def silent(
    client: httpx.AsyncClient, count: int, *first: bytes, **headers: str
) -> AsyncIterator[tuple[list[Silent], list[asyncio.Task[httpx.Response]]]]:
    bodies = [Silent(*first) for _ in range(count)]
    tasks = []
    for body in bodies:
        tasks.append(asyncio.create_task(client.post(URL, content=body, headers={**PNG, **headers})))
        await asyncio.wait_for(body.begun.wait(), PATIENCE)
    try:
        yield bodies, tasks
    finally:
        for body in bodies:
            body.opened.set()
        await asyncio.gather(*tasks)


def admission_of(client: httpx.AsyncClient) -> Admission:
    admission: Admission = client._transport.app.state.context.serving.admission
    return admission


async def test_requests_that_send_nothing_reserve_nothing(serve: Serve) -> None:
    async with serve() as client, silent(client, 33, **{"content-length": "33554432"}):
        assert admission_of(client)._bytes == 0
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200


async def test_memory_is_reserved_as_bytes_arrive_and_given_back(serve: Serve) -> None:
    limits: dict[str, Any] = {"payload_limit": 100_000, "max_pixels": 10_000, "max_memory": 280_000}
    async with serve(**limits) as client:
        async with silent(client, 1, bytes(60_000)), silent(client, 1, bytes(60_000)):
            assert admission_of(client)._bytes == 240_000
            refused = await client.post(URL, content=Silent(bytes(30_000)), headers=PNG)
            declared = await client.post(URL, content=bytes(30_000), headers=PNG)
        assert admission_of(client)._bytes == 0
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200
    assert [answer.json()["code"] for answer in (refused, declared)] == ["memory_exhausted"] * 2


async def test_a_body_that_stalls_is_408(serve: Serve) -> None:
    async with serve(upload_idle_seconds=0.05) as client:
        answer = await client.post(URL, content=Silent(IMAGE), headers=PNG)
        assert admission_of(client)._bytes == 0
    assert (answer.status_code, answer.json()["code"]) == (408, "upload_stalled")
    assert answer.headers["connection"] == "close"


async def test_an_order_that_stalls_is_408(serve: Serve) -> None:
    async with serve(api_keys=KEYS, upload_idle_seconds=0.05) as client:
        answer = await client.post(LOAD, content=Silent(b"{"), headers={"x-api-key": ADMIN})
    assert (answer.status_code, answer.json()["code"]) == (408, "upload_stalled")


async def test_reading_may_take_longer_than_a_body_may_be_silent(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, upload_idle_seconds=0.05) as client:
        answer = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        await asyncio.sleep(0.1)  # longer than the body may be silent, which is what is tested
        reader.release()
        assert (await answer).status_code == 200


async def test_silent_uploads_take_no_places(serve: Serve) -> None:
    async with serve(max_concurrent_requests=1) as client, silent(client, ARRIVING, b"x"):
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200


async def test_the_upload_that_was_silent_for_longest_makes_room(serve: Serve) -> None:
    async with serve(max_concurrent_requests=1) as client, silent(client, ARRIVING, IMAGE) as (_, uploads):
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200
        assert (await uploads[0]).json()["code"] == "upload_stalled"
        assert not any(upload.done() for upload in uploads[1:])


async def test_who_sends_is_not_the_one_that_was_silent() -> None:
    given_up: list[str] = []
    admission = Admission(
        max_requests=1, max_images=1, max_bytes=1000, max_body=10, max_documents=1, backlog=lambda: 0.0
    )

    def arrive(name: str) -> Any:
        return admission.request(None, lambda: given_up.append(name))

    with arrive("first") as first, arrive("second"), arrive("third"), arrive("fourth"):
        first.grow(1)
        with arrive("fifth"):
            assert given_up == ["second"]
    assert (admission._bytes, admission._inside, len(admission._arriving)) == (0, 0, 0)


async def test_a_request_whose_place_was_taken_while_it_arrived_is_429(serve: Serve) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, max_concurrent_requests=1) as client, silent(client, 1) as (bodies, uploads):
        reading = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        bodies[0].opened.set()
        assert (await uploads[0]).json()["code"] == "overloaded"
        reader.release()
        assert (await reading).status_code == 200


def part(name: str, value: str = "1", filename: str = "") -> bytes:
    named = f'name="{name}"; filename="{filename}"' if filename else f'name="{name}"'
    return f"--x\r\nContent-Disposition: form-data; {named}\r\n\r\n{value}\r\n".encode()


FORM = {"content-type": "multipart/form-data; boundary=x"}
END = b"--x--\r\n"
FILE = part("file", "abc", "a.png")
FORMS = {
    "one field again and again": (part("words") * 50 + FILE + END, 400, "too many form fields"),
    "what looks like a delimiter": (part("file", "\r\n--xa" * 50, "a") + END, 400, "too many parts"),
    "too many files in one piece": (FILE * 100 + END, 413, "more than 16 images"),
    "many small headers": (b"--x\r\n" + b"a: b\r\n" * 5000 + b"\r\n\r\n" + END, 400, ""),
}


@pytest.mark.parametrize(("body", "status", "detail"), FORMS.values(), ids=FORMS)
async def test_forms_that_would_keep_the_event_loop(serve: Serve, body: bytes, status: int, detail: str) -> None:
    async with serve() as client:
        answer = await client.post(URL, content=body, headers=FORM)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


async def test_a_form_of_all_that_is_allowed_is_read(serve: Serve) -> None:
    body = part("words", "true") * 16 + part("file", IMAGE.decode("latin1"), "a.png") * 15
    async with serve() as client:
        answer = await client.post(URL, content=body.decode().encode("latin1") + FILE + END, headers=FORM)
    assert len(answer.json()["pages"]) == 16


async def test_a_form_is_the_same_in_pieces_of_any_size() -> None:
    body = part("words", "true") + part("file", "\r\n--xa" * 3, "a.png") + FILE + END

    async def cut(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    def reader() -> FormReader:
        return FormReader(FORM["content-type"], 2)

    forms = [reader() for _ in range(30)]
    for size, form in enumerate(forms, start=1):
        await form.read(cut(size))
    assert {len(form.files) for form in forms} == {2}
    assert all(form.files == forms[0].files and form.fields == {"words": "true"} for form in forms)


async def test_a_file_is_in_memory_once() -> None:
    size, form = 8_000_000, FormReader(FORM["content-type"], 1)

    async def body() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
        for _ in range(size // 64_000):
            yield bytes(64_000)
        yield b"\r\n" + END

    tracemalloc.start()
    try:
        await form.read(body())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(data) for _, data in form.files] == [size]
    assert peak < 1.5 * size


@pytest.mark.parametrize("name", ["image", "files"])
async def test_a_file_in_another_field_is_told_which_to_use(serve: Serve, name: str) -> None:
    async with serve() as client:
        named = await client.post(URL, files={name: ("a.png", IMAGE)})
        bare = await client.post(URL, content=part(name, "x" * 2000) + END, headers=FORM)
    for answer in (named, bare):
        assert answer.status_code == 422
        assert 'use the field name "file"' in answer.json()["errors"][0]["msg"]


MANY = ",".join(f'"a{i}": 0' for i in range(1000))
JSON = {"content-type": "application/json"}


async def test_json_of_many_fields_is_not_even_parsed(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, content="{" + MANY + "}", headers=JSON)
        few = await client.post(
            URL, content='{"image": "", ' + ",".join(f'"a{i}": 0' for i in range(40)) + "}", headers=JSON
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert (few.status_code, len(few.json()["errors"])) == (422, 20)


async def test_a_query_of_many_fields_is_not_even_parsed(serve: Serve) -> None:
    async with serve() as client:
        many = await client.post(URL, params={f"a{i}": "1" for i in range(101)}, files=parts(IMAGE))
        few = await client.post(URL, params={f"a{i}": "1" for i in range(100)}, files=parts(IMAGE))
    assert (many.status_code, many.json()["errors"][0]["msg"]) == (422, "more than 100 fields")
    assert (few.status_code, len(few.json()["errors"])) == (422, 20)


async def test_the_rest_of_a_body_that_was_answered_is_thrown_away_for_a_while(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.http.bodies.LINGER_SECONDS", 0.5)
    sent: list[bytes] = []
    async with serve(payload_limit=3000) as client:
        answer = await client.post(URL, content=pieces(sent, 100), headers=PNG)
        endless = await client.post(URL, content=Silent(bytes(5000)), headers=PNG)
    assert len(sent) == 100
    assert [refused.json()["code"] for refused in (answer, endless)] == ["payload_too_large"] * 2
