"""From a request to the bytes of its files, whichever of three forms it has, within the payload limit."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from service.errors import (
    InvalidRequestError,
    UnsupportedContentTypeError,
)
from service.http.bodies import collect_json, parse_json
from service.http.fields import in_words
from service.http.multipart import FILE_FIELD, MAX_FIELD_BYTES, FormReader
from service.http.schemas import JsonUpload, ReadFields
from service.settings import Settings

PDF = "application/pdf"
_JSON: TypeAdapter[JsonUpload] = TypeAdapter(JsonUpload)
_NO_FILE = f"no file was sent; with curl write -F {FILE_FIELD}=@receipt.jpg; what lies at a URL is not fetched"


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it came."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A request's files, at least one, and its choices."""

    uploads: tuple[Upload, ...]
    fields: ReadFields


async def receive(request: Request, query: ReadFields, settings: Settings, count: Callable[[int], None]) -> Received:
    """Take in the body of `request`; choices in it win over those of the `query`.

    Every piece that arrives is told to `count`, in bytes.

    Raises:
        UnsupportedContentTypeError: none of multipart/form-data, application/json, application/pdf, image/*.
        PayloadTooLargeError, UploadStalledError: too much, or nothing for too long; the rest is not read.
        TooManyImagesError, MalformedRequestError, InvalidRequestError: what the body is.
        ClientGoneError: the client left before the end.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    chunks = counted(request, count)
    if kind == "multipart/form-data":
        return await _from_form(chunks, content_type, query, settings.max_client_batch_size)
    if kind == "application/json":
        return await run_in_threadpool(_from_json, await collect_json(chunks), query)
    if kind.startswith("image/"):
        return Received((Upload("image-1", await _whole(chunks)),), query)
    if kind == PDF:
        return Received((Upload("document-1", await _whole(chunks)),), query)
    raise UnsupportedContentTypeError(
        f"send multipart/form-data with `{FILE_FIELD}`, a file with Content-Type image/* or {PDF}, or application/json"
    )


async def counted(request: Request, count: Callable[[int], None]) -> AsyncIterator[bytes]:
    """Give the body of `request`, every piece of which is told to `count`, in bytes."""
    async for chunk in request.stream():
        count(len(chunk))
        yield chunk


async def disconnected(request: Request) -> None:
    """Return when the client of `request`, whose body was read, has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _whole(chunks: AsyncIterator[bytes]) -> bytes:
    """Return all chunks as one; unlike a join, never in memory twice."""
    body = io.BytesIO()
    async for chunk in chunks:
        body.write(chunk)
    return body.getvalue()


async def _from_form(chunks: AsyncIterator[bytes], content_type: str, query: ReadFields, max_files: int) -> Received:
    form = FormReader(content_type, max_files)
    await form.read(chunks)
    if not form.sent and all(_is_line(data) for _, data in form.files):
        raise InvalidRequestError([{"loc": ("body", FILE_FIELD), "msg": _NO_FILE}])
    uploads = tuple(Upload(name or f"image-{i}", data) for i, (name, data) in enumerate(form.files, start=1))
    # Pages send the fields that nobody filled in too, as empty.
    return Received(uploads, merge(query, {name: value for name, value in form.fields.items() if value}))


def _from_json(body: bytearray, query: ReadFields) -> Received:
    upload = parse_json(body, _JSON)
    chosen = upload.model_dump(exclude={"image"}, exclude_unset=True)
    return Received((Upload("image-1", upload.image),), merge(query, chosen))


def merge(query: ReadFields, chosen: dict[str, object]) -> ReadFields:
    """Return the choices of a query and those of a body, which win.

    Raises:
        InvalidRequestError: one of the body's is unknown or out of its range.
    """
    try:
        return type(query).model_validate(query.model_dump(exclude_unset=True) | chosen)
    except ValidationError as error:
        found = error.errors(include_url=False)
        known = list(type(query).model_fields)
        raise InvalidRequestError([{"loc": ("body", *e["loc"]), "msg": in_words(e, known)} for e in found]) from error


def _is_line(data: bytes) -> bool:
    """Tell whether a file is a line of text, such as the name of the one that was meant. None that is read here is."""
    try:
        return len(data) <= MAX_FIELD_BYTES and data.decode().isprintable()
    except UnicodeDecodeError:
        return False
