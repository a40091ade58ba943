"""The tools, and the server that offers them over standard input and output."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import anyio
import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from ocr_core.errors import OcrError
from ocr_core.version import program_version
from service.agents.folders import Folders
from service.agents.reading import FileReader, Form, Wish
from service.errors import MalformedRequestError, PayloadTooLargeError
from service.http.problems import problem_of, report

FormArgument = Annotated[
    Form,
    Field(
        description="text: running text in reading order; markdown: with headings, lists and tables; boxes: JSON with "
        "each line's text, confidence from 0 to 1, and corners x, y in pixels."
    ),
]
PagesArgument = Annotated[
    str | None, Field(description="Pages of a PDF or TIFF, such as 3, 1-5,9 or 3-. All if left out.")
]
PasswordArgument = Annotated[str | None, Field(description="Opens encrypted PDFs.")]
NAME = "ocr"
WHAT = "Read the text in an image, a PDF or a TIFF, such as a photograph, a scan, a screenshot or a receipt,"


def new_server(reader: FileReader, folders: Folders | None, *, limit: int, streams: int) -> MCPServer:
    """Return a server with the tools `read_file`, where there are folders, and `read_bytes`.

    Args:
        reader: reads.
        folders: where files may lie.
        limit: bytes of a file.
        streams: files read at a time.
    """
    server: MCPServer = MCPServer(NAME, title="OCR", version=program_version(), log_level="WARNING")
    places = anyio.CapacityLimiter(streams)

    async def read(load: str | bytes, wish: Wish) -> str:
        ticket = reader.ticket()

        def work() -> str:
            if isinstance(load, str):
                assert folders is not None
                return reader.read(load, folders.read(load), wish, ticket)
            return reader.read("image-1", load, wish, ticket)

        try:
            return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=places)
        except Exception as error:
            raise _told(error) from None
        finally:
            ticket.cancel()  # whoever gave up waits no more, and the thread ends at its next step

    if folders is not None:

        @server.tool(structured_output=False, description=f"{WHAT} that lies below {folders}.")
        async def read_file(
            path: Annotated[str, Field(description="Absolute, or relative to an allowed folder.")],
            format: FormArgument = "text",  # noqa: A002
            pages: PagesArgument = None,
            password: PasswordArgument = None,
        ) -> str:
            return await read(path, Wish(form=format, pages=pages, password=password))

    @server.tool(structured_output=False, description=f"{WHAT} that is at hand as bytes.")
    async def read_bytes(
        data: Annotated[str, Field(description="An image, PDF or TIFF, in base64.")],
        format: FormArgument = "text",  # noqa: A002
        pages: PagesArgument = None,
        password: PasswordArgument = None,
    ) -> str:
        return await read(_decoded(data, limit), Wish(form=format, pages=pages, password=password))

    return server


def _decoded(data: str, limit: int) -> bytes:
    try:
        if len(data) > 4 * limit / 3 + 4:
            raise PayloadTooLargeError(f"more than {limit} bytes")
        return base64.b64decode(data, validate=True)
    except PayloadTooLargeError as error:
        raise _told(error) from None
    except (binascii.Error, ValueError):
        raise _told(MalformedRequestError("data is not base64")) from None


def _told(error: Exception) -> ToolError:
    """Return an error as the agent sees it: the code and the words of the service's problems."""
    if not isinstance(error, OcrError):
        report(error)
    problem = problem_of(error)
    return ToolError(f"{problem.code}: {problem.detail}")
