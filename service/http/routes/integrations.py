"""Reading by the contracts of others (docs/integrations.md): LiteParse's `POST /ocr`, Open WebUI's `PUT /process`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from ocr_core.formats.base import Original
from ocr_core.formats.registry import FORMATS
from service.engine.documents import Sheet
from service.engine.image_job import Reading
from service.errors import InvalidRequestError, UnsupportedContentTypeError
from service.http.answers import Answer
from service.http.context import ContextDep
from service.http.multipart import FILE_FIELD, FormReader
from service.http.problems import problem_of
from service.http.routes.ocr import answered
from service.http.routes.security import READER
from service.http.schemas import Line, Page, ReadFields
from service.http.uploads import Received, Upload, counted
from service.observe.metrics import LITEPARSE_ENDPOINT, OPEN_WEBUI_ENDPOINT

router = APIRouter(include_in_schema=False, dependencies=[READER])

NAME_HEADER = "X-Filename"


class Detection(BaseModel):
    """A line, as LiteParse has it."""

    text: str
    bbox: tuple[float, float, float, float] = Field(description="Left, top, right, bottom, in pixels.")
    confidence: float
    polygon: list[tuple[float, float]]

    @classmethod
    def of(cls, line: Line) -> Detection:
        """Return a line of ours."""
        x, y = zip(*line.polygon, strict=True)
        bounds = (min(x), min(y), max(x), max(y))
        return cls(text=line.text, bbox=bounds, confidence=line.confidence, polygon=list(line.polygon))


class Detections(BaseModel):
    """The answer of `POST /ocr`."""

    results: list[Detection]


class DocumentPage(BaseModel):
    """A page, as LangChain has documents."""

    page_content: str = Field(description="Markdown.")
    metadata: dict[str, str | int]


class _Detected(Answer):
    async def write(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[bytes]:
        # Page by page: those of a long document together may take gigabytes.
        start, end = b'{"results":[', b"]}"
        before = start
        async for sheet in sheets:
            found = await run_in_threadpool(_detections, sheet)
            if found.results:
                yield before + found.model_dump_json().encode().removeprefix(start).removesuffix(end)
                before = b","
        yield (start if before == start else b"") + end


class _Loaded(Answer):
    async def write(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[bytes]:
        before = b"["
        async for sheet in sheets:
            page = await run_in_threadpool(_document_page, sheet, self.names[sheet.file])
            yield before + page.model_dump_json().encode()
            before = b","
        yield b"]"


@router.post(LITEPARSE_ENDPOINT)
async def detect(request: Request, context: ContextDep) -> Response:
    """Read an image for LiteParse. Its `language` is passed over: a model reads all of its languages at once."""
    return await answered(request, context, partial(_from_form, request), _Detected)


@router.put(OPEN_WEBUI_ENDPOINT)
async def load(request: Request, context: ContextDep) -> Response:
    """Read a file for Open WebUI, a document for each page."""
    return await answered(request, context, partial(_from_body, request), _Loaded)


async def _from_form(request: Request, count: Callable[[int], None]) -> Received:
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise UnsupportedContentTypeError(f"send multipart/form-data with `{FILE_FIELD}`")
    form = FormReader(content_type, 1)
    await form.read(counted(request, count))
    if not form.files:
        raise InvalidRequestError([{"loc": ("body", FILE_FIELD), "msg": "is missing"}])
    (name, data) = form.files[0]
    return Received((Upload(name or "image-1", data),), ReadFields())


async def _from_body(request: Request, count: Callable[[int], None]) -> Received:
    data = b"".join([chunk async for chunk in counted(request, count)])
    upload = Upload(unquote(request.headers.get(NAME_HEADER) or "document-1"), data)
    return Received((upload,), ReadFields(words=FORMATS["markdown"].words))


def _detections(sheet: Sheet) -> Detections:
    lines = Page.of("", sheet.outcome.page).lines if isinstance(sheet.outcome, Reading) else []
    return Detections(results=[Detection.of(line) for line in lines])


def _document_page(sheet: Sheet, name: str) -> DocumentPage:
    metadata: dict[str, str | int] = {"source": name, "page": sheet.number - 1}
    if isinstance(sheet.outcome, Reading):
        writer = FORMATS["markdown"].new_writer()
        text = writer.page(Original(name=name, data=b""), sheet.outcome.page) + b"".join(writer.end())
        return DocumentPage(page_content=text.decode(), metadata=metadata)
    return DocumentPage(page_content="", metadata={**metadata, "error": problem_of(sheet.outcome).detail})
