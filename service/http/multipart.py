"""Multipart bodies, parsed while they arrive and kept in memory: no temporary file, so a read-only disk will do."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from service.errors import InvalidRequestError, MalformedRequestError, TooManyImagesError

FILE_FIELD = "file"
MAX_FIELDS = 16
MAX_FIELD_BYTES = 1024
MAX_HEADER_BYTES = 8192
MAX_BOUNDARY_BYTES = 70
"""RFC 2046, section 5.1.1."""


class _Part:
    def __init__(self) -> None:
        self.header_bytes = 0
        self.header = bytearray()
        self.value = bytearray()
        self.disposition = b""
        self.data = io.BytesIO()  # gives its bytes as they are, where a bytearray or a list of pieces would be copied
        self.name = ""
        self.filename: str | None = None
        self.typed = False


class FormReader:
    """Collects the parts of one form. `files` holds (name, bytes), `fields` the text of all others.

    Args:
        content_type: the request's header, with the boundary.
        max_files: parts named `file` at most.
    """

    def __init__(self, content_type: str, max_files: int) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise MalformedRequestError("the Content-Type names no boundary")
        if len(boundary) > MAX_BOUNDARY_BYTES:
            raise MalformedRequestError(f"a boundary of more than {MAX_BOUNDARY_BYTES} characters")
        self.files: list[tuple[str | None, bytes]] = []
        self.fields: dict[str, str] = {}
        self.sent = False
        """Whether a part named `file` has a file's name or type too, as those of all programs that send one have."""
        self._max_files = max_files
        self._part = _Part()
        self._fields = 0
        self._delimiter = b"\r\n--" + boundary
        self._delimiters = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header,
                "on_header_value": self._value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finished,
            },
        )
        self._whole = False

    async def read(self, chunks: AsyncIterator[bytes]) -> None:
        """Take in the whole body.

        Raises:
            MalformedRequestError: no proper multipart, or cut off.
            InvalidRequestError: too many or too long fields.
            TooManyImagesError: more files than allowed.
        """
        try:
            async for chunk in chunks:
                self._write(chunk)
            self._parser.finalize()
        except FormParserError as error:
            raise MalformedRequestError(f"the multipart body is damaged: {error}") from error
        if not self._whole:
            raise MalformedRequestError("the multipart body ends before its last boundary")

    def _write(self, chunk: bytes) -> None:
        # What only begins like a delimiter makes no part that could be counted, and costs the parser a loop of Python.
        left = self._max_files + MAX_FIELDS + 2 - self._delimiters
        self._delimiters += chunk.count(self._delimiter)
        if self._delimiters <= self._max_files + MAX_FIELDS + 2:
            self._parser.write(chunk)
            return
        self._parser.write(self._delimiter.join(chunk.split(self._delimiter, left + 1)[: left + 1]))
        raise MalformedRequestError("too many parts")

    def _begin(self) -> None:
        self._part = _Part()

    def _header(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]
        self._limit_header(end - start)

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]
        self._limit_header(end - start)

    def _limit_header(self, more: int) -> None:
        self._part.header_bytes += more
        if self._part.header_bytes > MAX_HEADER_BYTES:
            raise MalformedRequestError("a part has too long a header")

    def _header_end(self) -> None:
        part = self._part
        if part.header.lower() == b"content-disposition":
            part.disposition = bytes(part.value)
        part.typed |= part.header.lower() == b"content-type"
        part.header, part.value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        options = parse_options_header(self._part.disposition)[1]
        if b"name" not in options:
            raise MalformedRequestError("a part has no name")
        self._part.name = options[b"name"].decode("utf-8", "replace")
        if b"filename" in options:
            self._part.filename = options[b"filename"].decode("utf-8", "replace")
        if self._part.name == FILE_FIELD and len(self.files) == self._max_files:
            raise TooManyImagesError(f"more than {self._max_files} images in one request")
        if self._part.name == FILE_FIELD:
            self.sent |= self._part.typed or self._part.filename is not None
            return
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise MalformedRequestError("too many form fields")
        if self._part.filename is not None:
            raise self._invalid(f'no field for a file; use the field name "{FILE_FIELD}"')

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.name != FILE_FIELD and part.data.tell() + end - start > MAX_FIELD_BYTES:
            raise self._invalid(
                f'longer than {MAX_FIELD_BYTES} bytes; for a file use the field name "{FILE_FIELD}" and a file name'
            )
        part.data.write(memoryview(data)[start:end])

    def _invalid(self, why: str) -> InvalidRequestError:
        return InvalidRequestError([{"loc": ("body", self._part.name), "msg": why}])

    def _end(self) -> None:
        part = self._part
        if part.name == FILE_FIELD:
            self.files.append((part.filename or None, part.data.getvalue()))
        else:
            self.fields[part.name] = part.data.getvalue().decode("utf-8", "replace")

    def _finished(self) -> None:
        self._whole = True
