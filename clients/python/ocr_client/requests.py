"""From arguments to a request, and from bytes to what was asked for: what both clients share."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TypeAlias, TypedDict, TypeVar

import anyio
import httpx

from ocr_client.errors import DeadlineExceededError, ForeignAnswerError, OcrError, TransportError, UnsendableError
from ocr_client.limits import Pieces
from ocr_client.pages import End, Model, Page
from ocr_client.retries import Deadline
from ocr_client.version import VERSION

T = TypeVar("T")

READ = "/v1/ocr"
JSON = "application/json"
LINES = "application/x-ndjson"
_FOREIGN = "the answer is none of an OCR service: is this its address?"
_LATE = "no answer within the time of this call"


class Upload(NamedTuple):
    """Bytes, with the name that pages are to have."""

    name: str
    data: bytes


File: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Upload"
"""A path, bytes, an open file, or bytes with a name."""

Format = Literal["text", "markdown", "tsv", "hocr", "alto", "pdf"]
"""What files become, beside the pages themselves."""
MEDIA_TYPES: Mapping[Format, str] = {
    "text": "text/plain",
    "markdown": "text/markdown",
    "tsv": "text/tab-separated-values",
    "hocr": "text/vnd.hocr+html",
    "alto": "application/alto+xml",
    "pdf": "application/pdf",
}
"""What an answer in each format says that it is."""


class Options(TypedDict, total=False):
    """Choices of a request. What is left out is as the service has it."""

    detect: bool
    """False: a file is one line of text."""
    min_confidence: float
    """Lines below this, from 0 to 1, are left out."""
    words: bool
    """Give the words of each line."""
    language: bool
    """False: what the network alone sees, as for serial numbers."""
    model: str
    """`name[@version]`: fail unless this model answers."""
    pages: str
    """Pages of each file, such as `3`, `1-5,9` or `3-`."""
    password: str
    """Opens encrypted PDFs."""
    text_layer: Literal["auto", "ignore", "only"]
    """Text that a PDF carries: take it where it can be trusted, read all, or read nothing."""


class Form(NamedTuple):
    """A multipart form; it can be sent again and again."""

    files: list[tuple[str, tuple[str | None, bytes, str]]]
    data: dict[str, str]

    def sent(self, deadline: Deadline) -> dict[str, Any]:
        """Return the form as httpx takes it, to be sent once, until a deadline."""
        files = [(field, (name, Pieces(data, deadline), kind)) for field, (name, data, kind) in self.files]
        return {"files": files, "data": self.data}


def form_of(files: Sequence[File], options: Mapping[str, Any], *, to: Format | None = None) -> Form:
    """Return the form that asks for `files` to be read. Reads them into memory.

    Raises:
        TypeError: no file, something that is none, or an option that there is not.
        OSError: a file cannot be read.
    """
    if not files:
        raise TypeError("no file to read")
    if unknown := options.keys() - Options.__annotations__.keys():
        raise TypeError(f"no such option: {', '.join(sorted(unknown))}; there are {', '.join(Options.__annotations__)}")
    chosen = {name: _field(value) for name, value in options.items() if value is not None}
    if to is not None:
        chosen["format"] = to
    parts = [("file", (*_named(file), "application/octet-stream")) for file in files]
    return Form(parts, chosen)


def media_type_of(to: Format | None) -> str:
    """Return what an answer says that it is.

    Raises:
        ValueError: there is no such format.
    """
    if to is None:
        return JSON
    if to not in MEDIA_TYPES:
        raise ValueError(f"no such format: {to!r}; there are {', '.join(MEDIA_TYPES)}")
    return MEDIA_TYPES[to]


def service_at(url: str) -> str:
    """Return the address of a service without a slash at its end.

    Raises:
        ValueError: it is none.
    """
    refusal = f"{url} is no address such as http://localhost:8000"
    if not url.startswith(("http://", "https://")):
        raise ValueError(refusal)
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(refusal) from error
    return url.rstrip("/")


def headers_of(api_key: str | None) -> dict[str, str]:
    """Return what every request says of its sender.

    Raises:
        ValueError: the key is none that a header can hold. It is not named: errors end in logs.
    """
    headers = {"User-Agent": f"ocr-client/{VERSION}"}
    if api_key is not None:
        if not (api_key.isascii() and api_key.isprintable() and api_key == api_key.strip()):
            raise ValueError(
                "the API key is of printable ASCII characters alone, without spaces or line feeds around it"
            )
        headers["X-API-Key"] = api_key
    return headers


def require_media_type(headers: Mapping[str, str], media_type: str) -> None:
    """Find out whether an answer is what was asked for.

    Raises:
        ForeignAnswerError: it says that it is something else, such as a proxy's page.
    """
    found = headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != media_type:
        raise ForeignAnswerError(f"{_FOREIGN} It is {found or 'of no type'}, not {media_type}")


def answer_of(body: bytes, build: Callable[[Any], T]) -> T:
    """Return what `build` makes of a body in JSON.

    Raises:
        ForeignAnswerError: it is none, or holds other things.
    """
    try:
        return build(json.loads(body))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError, RecursionError) as error:
        raise ForeignAnswerError(_FOREIGN) from error


def text_of(body: bytes) -> str:
    """Return a body as text.

    Raises:
        ForeignAnswerError: it is none.
    """
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ForeignAnswerError("the answer is no text") from error


def models_of(body: dict[str, Any]) -> list[Model]:
    """Return the models of a list of them."""
    return [Model.of(entry) for entry in body["models"]]


def version_of(body: dict[str, Any]) -> str:
    """Return the version that a service says."""
    return str(body["version"])


def item_of(line: bytes) -> Page | End:
    """Return what a line of a stream holds."""
    return answer_of(line, lambda body: End.of(body) if body.get("done") else Page.of(body))


class Lines:
    """Cuts a stream at line feeds, and there alone: texts may hold other characters that end lines in Unicode."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def cut(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in a piece, without empty ones."""
        first, *others = piece.split(b"\n")
        self._begun.append(first)
        if not others:
            return []
        lines = [b"".join(self._begun), *others[:-1]]
        self._begun = [others[-1]]
        return [line for line in lines if line]


def cut_off() -> OcrError:
    """Return the error of a stream that ends without its last line."""
    return TransportError("the answer ends before its last page")


@contextmanager
def explained() -> Iterator[None]:
    """Raise what httpx raises as errors of this package."""
    try:
        yield
    except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
        raise DeadlineExceededError(_LATE) from error
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
        # What httpx says has the header in it, which may be a secret.
        raise UnsendableError(f"the request cannot be sent ({type(error).__name__})") from None
    except httpx.HTTPError as error:
        raise TransportError(f"{type(error).__name__}: {error}") from error


@contextmanager
def in_time(deadline: Deadline) -> Iterator[None]:
    """Cut off what is awaited inside at a deadline.

    Raises:
        DeadlineExceededError: it was.
    """
    try:
        with anyio.fail_after(deadline.remaining()):
            yield
    except TimeoutError as error:
        raise DeadlineExceededError(_LATE) from error


def _field(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _named(file: File) -> tuple[str | None, bytes]:
    if isinstance(file, Upload):
        return _text(file.name), _bytes(file.data)
    if isinstance(file, (bytes, bytearray, memoryview)):
        return None, bytes(file)
    if isinstance(file, (str, os.PathLike)):
        path = Path(file)
        return _text(path.name), path.read_bytes()
    if not hasattr(file, "read"):
        raise TypeError(f"a file is a path, bytes, an open file or an Upload, not of type {type(file).__name__}")
    name = getattr(file, "name", None)
    return _text(Path(name).name) if isinstance(name, str) else None, _bytes(file.read())


def _text(name: str) -> str:
    """Return a name as it can be sent: bytes of one on disk need not be UTF-8, and Python has surrogates for them."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", name)


def _bytes(data: object) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"a file holds bytes, not {type(data).__name__}; is it open as text?")
    return bytes(data)
