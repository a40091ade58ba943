"""`POST /v1/ocr`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

import anyio
from fastapi import APIRouter, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from ocr_core.formats.registry import FORMATS
from ocr_core.pages.opening import is_document
from ocr_core.pipeline.result import ReadOptions
from service.engine.admission import Arrival
from service.engine.documents import Sheet, opened_pages
from service.engine.reading import Order, Outcome, read_images
from service.engine.ticket import Ticket
from service.errors import DeadlineExceededError, InvalidRequestError
from service.http.accept import LINES, accepted, choose_form
from service.http.answers import Answer, PageStream, WholeAnswer
from service.http.bodies import incoming_of
from service.http.context import Context, ContextDep
from service.http.exchange import Exchange, caller_of, exchange_of
from service.http.openapi import problems, read_operation
from service.http.routes.security import READER
from service.http.schemas import Model, OcrResponse, ReadFields
from service.http.uploads import Received, disconnected, receive
from service.observe.metrics import READ_ENDPOINT

router = APIRouter(tags=["ocr"])

Take = Callable[[Callable[[int], None]], Awaitable[Received]]

TimeoutHeader = Annotated[
    int | None,
    Header(
        alias="X-Request-Timeout-Ms",
        ge=1,
        description="Milliseconds after which nobody needs the answer any more; cut to what the server allows.",
    ),
]


@router.post(
    READ_ENDPOINT,
    summary="Read the text in images and documents",
    dependencies=[READER],
    response_model=OcrResponse,
    responses=problems(400, 401, 403, 406, 408, 413, 415, 422, 429, 500, 503, 504),
    openapi_extra=read_operation(),
)
async def read(
    request: Request,
    context: ContextDep,
    query: Annotated[ReadFields, Query()],
    timeout_ms: TimeoutHeader = None,
) -> Response:
    """Return the lines of images, PDFs and TIFFs, with their places, in reading order.

    Every page has a result or an `error` of its own; where none could be read, the answer is a problem with all of
    their errors. As `application/x-ndjson` pages come one a line, each as soon as it is read, and then a line with
    `done`; a client that leaves ends the work.
    """
    return await answered(request, context, partial(receive, request, query, context.settings), timeout_ms=timeout_ms)


async def answered(
    request: Request, context: Context, take: Take, make: type[Answer] = Answer, *, timeout_ms: int | None = None
) -> Response:
    """Return the answer to a request for files to be read.

    Args:
        request: as it came.
        context: the application.
        take: takes in its body, telling of every piece.
        make: what the answer is made by; any but `Answer` itself gives JSON.
        timeout_ms: what the client allows.
    """
    exchange = exchange_of(request)
    serving = context.serving
    serving.require_ready()
    incoming = incoming_of(request)
    async with AsyncExitStack() as stack:
        arrival = stack.enter_context(serving.admission.request(incoming.declared, incoming.give_up))
        ticket = ticket_of(exchange, timeout_ms, context)
        received = await receive_within(take, ticket, arrival)
        form = choose_form(received.fields.format, accepted(request)) if make is Answer else "json"
        order = _order(received, form, request)
        by_page = await _is_by_page(order, form)
        if by_page:
            exchange.kind = "document"
            ticket = ticket_of(exchange, timeout_ms, context, by_page=True)  # of the whole
            bundle, sheets = await stack.enter_async_context(opened_pages(order, serving, ticket))
        else:
            bundle, outcomes = await read_images(order, serving, ticket)
            sheets = _sheets(outcomes)
        answer = make(form, received, Model.of(bundle), context, exchange, ticket.require_wanted)
        pieces = answer.pieces(sheets)
        # What goes wrong before the first piece is answered with its status.
        first = await anext(pieces, b"")
        if by_page or form != "json":
            return PageStream(first, pieces, stack.pop_all(), answer, exchange)
        body = b"".join([first, *[piece async for piece in pieces]])
        return WholeAnswer(body, answer, serving.admission, exchange)


def ticket_of(exchange: Exchange, timeout_ms: int | None, context: Context, *, by_page: bool = False) -> Ticket:
    """Return the deadline of a request, or of one that is read page by page."""
    settings = context.settings
    usual, limit = settings.request_timeout_seconds, settings.max_request_timeout_seconds
    if by_page:
        usual = limit = settings.document_timeout_seconds
    # Cut before it is divided: an integer of 400 digits is no float.
    asked = usual if timeout_ms is None else min(timeout_ms, math.ceil(limit * 1000)) / 1000
    return Ticket(exchange.started + min(asked, limit))


async def receive_within(take: Take, ticket: Ticket, arrival: Arrival) -> Received:
    """Take in the body of a request within its deadline, and then a place among the requests inside."""
    try:
        with anyio.fail_after(ticket.remaining()):
            received = await take(arrival.grow)
    except TimeoutError:
        raise DeadlineExceededError("the deadline passed before the whole request had arrived") from None
    arrival.complete()
    return received


def _order(received: Received, form: str, request: Request) -> Order:
    fields = received.fields
    if fields.preview and form != "ndjson":
        # Who parses JSON would hold those of all pages at once.
        raise InvalidRequestError([{"loc": ("body", "preview"), "msg": f"goes with `Accept: {LINES}` alone"}])
    return Order(
        images=[upload.data for upload in received.uploads],
        model=fields.model,
        options=ReadOptions(
            detect=fields.detect,
            min_confidence=fields.min_confidence,
            words=fields.words or (form in FORMATS and FORMATS[form].words),
            language=fields.language,
        ),
        pages=fields.pages,
        password=fields.password,
        text_layer=fields.text_layer,
        previews=fields.preview,
        caller=caller_of(request),
        gone=partial(disconnected, request),
    )


async def _is_by_page(order: Order, form: str) -> bool:
    # Images of which nothing is read as well: only pages of documents have a text layer to be asked for.
    if form == "ndjson" or order.pages or order.text_layer == "only":
        return True
    return await run_in_threadpool(_any_document, order.images)


def _any_document(files: Sequence[bytes]) -> bool:
    return any(map(is_document, files))


async def _sheets(outcomes: list[Outcome]) -> AsyncIterator[Sheet]:
    outcomes.reverse()  # so that none is held here once it was taken
    for index in range(len(outcomes)):
        yield Sheet(index, 1, outcomes.pop())
