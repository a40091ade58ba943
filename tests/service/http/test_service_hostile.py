"""What must not hurt: every row is an upload, the answer that it gets, and why."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import AsyncIterator

import pytest
from PIL import Image
from service_clients import Serve
from service_fakes import FakeReader, encoded, parts

pytestmark = pytest.mark.anyio
URL = "/v1/ocr"
IMAGE = encoded()
PNG = {"content-type": "image/png"}


def png(width: int, height: int, data: bytes) -> bytes:
    """Return a grey PNG whose header says `width`×`height`, whatever `data` holds."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, "white").save(file, "JPEG")
    return file.getvalue()


def jpeg_that_claims(side: int) -> bytes:
    """Return a JPEG whose frame header says `side`×`side`."""
    data = bytearray(jpeg((8, 8)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(data)


UPLOADS = {
    "empty": (b"", 422, "undecodable_image"),
    "text": (b"hello", 415, "unsupported_image_type"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", 422, "damaged_document"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415, "unsupported_image_type"),
    "truncated png": (IMAGE[: len(IMAGE) // 2], 422, "undecodable_image"),
    "truncated jpeg": (encoded(".jpg", 400, 300)[:2000], 422, "undecodable_image"),
    "png cut in its header": (IMAGE[:12], 415, "unsupported_image_type"),
    "png without data": (png(10, 10, b""), 422, "undecodable_image"),
    "png with fewer rows than it says": (png(10, 10, zlib.compress(b"\0\x80" * 5)), 422, "undecodable_image"),
    "no width": (png(0, 10, zlib.compress(b"")), 415, "unsupported_image_type"),
    "jpeg header of 65535 pixels squared": (jpeg_that_claims(65535), 413, "image_too_large"),
    "png bomb: 100 million pixels in 100 kB": (
        png(10000, 10000, zlib.compress(bytes(10001 * 10000), 9)),
        413,
        "image_too_large",
    ),
    "png header of 2 billion pixels squared": (png(2**31 - 1, 2**31 - 1, b""), 413, "image_too_large"),
    "1×1": (png(1, 1, zlib.compress(b"\0\x80")), 200, None),
    "1×20000": (png(1, 20000, zlib.compress(b"\0\x80" * 20000)), 200, None),
    "20000×1": (jpeg((20000, 1)), 200, None),
    "bytes after the end": (IMAGE + b"\0" * 1000, 200, None),
}


@pytest.mark.parametrize(("data", "status", "code"), UPLOADS.values(), ids=UPLOADS)
@pytest.mark.parametrize("form", ["raw", "multipart"])
async def test_uploads(serve: Serve, data: bytes, status: int, code: str | None, form: str) -> None:
    async with serve() as client:
        if form == "raw":
            answer = await client.post(URL, content=data, headers=PNG)
        else:
            answer = await client.post(URL, files=parts(data))
    assert answer.status_code == status, answer.text
    if code:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code


async def test_the_extension_and_the_type_of_an_upload_are_not_believed(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, files={"file": ("page.tiff", IMAGE, "application/pdf")})
    assert answer.status_code == 200


FORM = {"content-type": "multipart/form-data; boundary=x"}
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n'

BODIES = {
    "no content type": (b"abc", {}, 415, "unsupported_content_type"),
    "curl --data-binary": (
        IMAGE,
        {"content-type": "application/x-www-form-urlencoded"},
        415,
        "unsupported_content_type",
    ),
    "pdf": (b"%PDF-1.7", {"content-type": "application/pdf"}, 422, "damaged_document"),
    "pdf that is none": (b"hello", {"content-type": "application/pdf"}, 415, "unsupported_image_type"),
    "raw without a body": (b"", PNG, 422, "undecodable_image"),
    "json that is none": (b"{", {"content-type": "application/json"}, 400, "malformed_request"),
    "json not in utf-8": (b'{"image": "\xff"}', {"content-type": "application/json"}, 400, "malformed_request"),
    "json nested deep": (b"[" * 100_000, {"content-type": "application/json"}, 400, "malformed_request"),
    "json of another kind": (b"[]", {"content-type": "application/json"}, 422, "invalid_request"),
    "json without image": (b"{}", {"content-type": "application/json"}, 422, "invalid_request"),
    "json with a number": (b'{"image": 1}', {"content-type": "application/json"}, 422, "invalid_request"),
    "json not base64": (b'{"image": "@@"}', {"content-type": "application/json"}, 422, "invalid_request"),
    "json base64 beyond ascii": (
        '{"image": "é"}'.encode(),
        {"content-type": "application/json"},
        422,
        "invalid_request",
    ),
    "json with an unknown field": (
        b'{"image": "YQ==", "url": "http://x"}',
        {"content-type": "application/json"},
        422,
        "invalid_request",
    ),
    "form without boundary": (FILE, {"content-type": "multipart/form-data"}, 400, "malformed_request"),
    "form of a long boundary": (
        FILE,
        {"content-type": f"multipart/form-data; boundary={'x' * 300}"},
        400,
        "malformed_request",
    ),
    "form that is none": (b"hello", FORM, 400, "malformed_request"),
    "form cut off": (FILE, FORM, 400, "malformed_request"),
    "form without a body": (b"", FORM, 400, "malformed_request"),
    "form without a file": (
        b'--x\r\nContent-Disposition: form-data; name="words"\r\n\r\n1\r\n--x--\r\n',
        FORM,
        422,
        "invalid_request",
    ),
    "form part without a name": (b"--x\r\nContent-Type: a/b\r\n\r\n1\r\n--x--\r\n", FORM, 400, "malformed_request"),
    "form with a huge header": (
        b"--x\r\nContent-Disposition: " + b"a" * 20_000 + b"\r\n\r\n\r\n--x--\r\n",
        FORM,
        400,
        "malformed_request",
    ),
    "form with a huge field": (
        b'--x\r\nContent-Disposition: form-data; name="words"\r\n\r\n' + b"1" * 5000 + b"\r\n--x--\r\n",
        FORM,
        422,
        "invalid_request",
    ),
    "form with many fields": (
        b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % i for i in range(50)) + b"--x--",
        FORM,
        400,
        "malformed_request",
    ),
    "form with an unknown field": (
        FILE + b'--x\r\nContent-Disposition: form-data; name="lang"\r\n\r\nen\r\n--x--\r\n',
        FORM,
        422,
        "invalid_request",
    ),
    "form with a bad choice": (
        FILE + b'--x\r\nContent-Disposition: form-data; name="min_confidence"\r\n\r\nnan\r\n--x--\r\n',
        FORM,
        422,
        "invalid_request",
    ),
}


@pytest.mark.parametrize(("body", "headers", "status", "code"), BODIES.values(), ids=BODIES)
async def test_bodies(serve: Serve, body: bytes, headers: dict, status: int, code: str) -> None:
    reader = FakeReader()
    async with serve(reader) as client:
        answer = await client.post(URL, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert not reader.calls


QUERIES = {
    "confidence over 1": {"min_confidence": "1.5"},
    "confidence not a number": {"min_confidence": "nan"},
    "detect neither way": {"detect": "perhaps"},
    "model with a path": {"model": "../../etc"},
    "unknown": {"colour": "red"},
}


@pytest.mark.parametrize("params", QUERIES.values(), ids=QUERIES)
async def test_queries(serve: Serve, params: dict[str, str]) -> None:
    async with serve() as client:
        answer = await client.post(URL, params=params, files=parts(IMAGE))
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "invalid_request"
    assert body["errors"][0]["loc"] == ["query", *params]


@pytest.mark.parametrize("value", ["0", "-5", "soon", "1.5"])
async def test_deadlines_that_are_none(serve: Serve, value: str) -> None:
    async with serve() as client:
        answer = await client.post(URL, headers={"x-request-timeout-ms": value}, files=parts(IMAGE))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("digits", [20, 400, 4000])
async def test_a_deadline_beyond_all_numbers_is_cut_to_the_longest(serve: Serve, digits: int) -> None:
    async with serve() as client:
        answer = await client.post(URL, headers={"x-request-timeout-ms": "9" * digits}, files=parts(IMAGE))
    assert answer.status_code == 200


async def test_a_declared_length_over_the_limit_is_refused_unread(serve: Serve) -> None:
    sent = []
    async with serve(payload_limit=1000) as client:
        answer = await client.post(URL, content=chunks(sent, 5), headers={**PNG, "content-length": "5000"})
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert not sent


@pytest.mark.parametrize("headers", [PNG, {"content-type": "application/json"}, FORM], ids=["raw", "json", "form"])
async def test_an_undeclared_length_is_refused_as_soon_as_it_exceeds(serve: Serve, headers: dict) -> None:
    sent = []
    start = FILE[:-2] if headers is FORM else b""
    async with serve(payload_limit=3000) as client:
        answer = await client.post(URL, content=chunks(sent, 100, start), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert len(sent) < 5


async def test_too_many_files_are_refused_before_the_rest_arrives(serve: Serve) -> None:
    sent = []
    async with serve(max_client_batch_size=2) as client:
        answer = await client.post(URL, content=chunks(sent, 100, FILE * 3), headers=FORM)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_images")
    assert len(sent) < 3


async def test_pixels_over_the_limit_are_refused_by_the_header(serve: Serve) -> None:
    reader = FakeReader()
    async with serve(reader, max_pixels=1199) as client:
        answer = await client.post(URL, files=parts(IMAGE))
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")
    assert not reader.calls


async def chunks(sent: list[bytes], count: int, start: bytes = b"") -> AsyncIterator[bytes]:
    """Give `start`, then `count` chunks of 1000 bytes, and note each in `sent` when it is asked for."""
    if start:
        yield start
    for _ in range(count):
        sent.append(bytes(1000))
        yield sent[-1]
