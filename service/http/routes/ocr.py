"""`POST /v1/ocr`."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import partial
from http import HTTPStatus
from typing import Annotated

import anyio
from fastapi import APIRouter, Header, Query, Request, Response

from service.engine.admission import Arrival
from service.engine.image_job import Reading
from service.engine.reading import Order, Outcome, read_images
from service.engine.ticket import Ticket
from service.errors import DeadlineExceededError, NoImageReadError
from service.http.bodies import incoming_of
from service.http.context import Context, ContextDep
from service.http.exchange import Exchange, exchange_of
from service.http.openapi import problems, read_operation
from service.http.problems import problem_of, report, result_of
from service.http.routes.security import READER
from service.http.schemas import Model, OcrResponse, Page, ReadFields
from service.http.uploads import Received, Upload, disconnected, receive
from service.observe.metrics import READ_ENDPOINT

router = APIRouter(tags=["ocr"])

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
    summary="Read the text in images",
    dependencies=[READER],
    response_model=OcrResponse,
    responses=problems(400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 504),
    openapi_extra=read_operation(),
)
async def read(
    request: Request,
    context: ContextDep,
    query: Annotated[ReadFields, Query()],
    timeout_ms: TimeoutHeader = None,
) -> Response:
    """Return the lines of one image or several, with their places, in reading order.

    Of several images every one has a result or an `error` of its own; where none could be read, the answer is a
    problem with all of their errors.
    """
    exchange = exchange_of(request)
    serving = context.serving
    serving.require_ready()
    ticket = _ticket(exchange, timeout_ms, context)
    incoming = incoming_of(request)
    with serving.admission.request(incoming.declared, incoming.give_up) as arrival:
        received = await _receive(request, query, context, ticket, arrival)
        order = Order(
            images=[upload.data for upload in received.uploads],
            model=received.fields.model,
            options=received.fields.options(),
            gone=partial(disconnected, request),
        )
        bundle, outcomes = await read_images(order, serving, ticket)
        return _answer(received, Model.of(bundle), outcomes, context, exchange)


def _ticket(exchange: Exchange, timeout_ms: int | None, context: Context) -> Ticket:
    settings = context.settings
    limit = settings.max_request_timeout_seconds
    # Cut before it is divided: an integer of 400 digits is no float.
    asked = settings.request_timeout_seconds if timeout_ms is None else min(timeout_ms, math.ceil(limit * 1000)) / 1000
    return Ticket(exchange.started + min(asked, limit))


async def _receive(request: Request, query: ReadFields, context: Context, ticket: Ticket, arrival: Arrival) -> Received:
    try:
        with anyio.fail_after(ticket.remaining()):
            received = await receive(request, query, context.settings, arrival.grow)
    except TimeoutError:
        raise DeadlineExceededError("the deadline passed before the whole request had arrived") from None
    arrival.complete()
    return received


def _answer(
    received: Received, model: Model, outcomes: list[Outcome], context: Context, exchange: Exchange
) -> Response:
    pages = [_page(upload, outcome) for upload, outcome in zip(received.uploads, outcomes, strict=True)]
    readings = [outcome for outcome in outcomes if isinstance(outcome, Reading)]
    exchange.model_digest = model.digest
    exchange.facts.update(images=len(pages), failed=len(pages) - len(readings))
    for page in pages:
        context.metrics.images.labels(result_of(page.error.status if page.error else HTTPStatus.OK)).inc()
    if not readings:
        try:
            raise _failure([outcome for outcome in outcomes if isinstance(outcome, Exception)], pages)
        finally:
            del outcomes  # the error's traceback holds this frame, which must not hold it
    for outcome in outcomes:
        if isinstance(outcome, Reading):
            context.metrics.observe_page(outcome.page, outcome.seconds)
        else:
            report(outcome)
    timings = _timings(readings, exchange.elapsed())
    exchange.facts.update(lines=sum(len(page.lines) for page in pages), timings_ms=timings)
    if context.settings.log_text:
        exchange.facts["text"] = [line.text for page in pages for line in page.lines]
    body = OcrResponse(pages=pages, timings_ms=timings, model=model).model_dump_json(exclude_none=True)
    server_timing = ", ".join(f"{stage};dur={milliseconds}" for stage, milliseconds in timings.items())
    return Response(body, headers={"Server-Timing": server_timing}, media_type="application/json")


def _page(upload: Upload, outcome: Outcome) -> Page:
    if isinstance(outcome, Reading):
        return Page.of(upload.name, outcome.page)
    return Page(file=upload.name, error=problem_of(outcome))


def _failure(errors: list[Exception], pages: list[Page]) -> Exception:
    """Return the one error that stands for all: the service's own fault first, never blamed on the images."""
    if len(errors) == 1:
        return errors[0]
    ours = next((error for error in errors if problem_of(error).status >= HTTPStatus.INTERNAL_SERVER_ERROR), None)
    return ours or NoImageReadError([page.model_dump(exclude_none=True, exclude={"lines"}) for page in pages])


def _timings(readings: list[Reading], total: float) -> dict[str, float]:
    """Return milliseconds a stage, summed over the images, and in `total` the time since the request began."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for reading in readings:
        for stage, value in reading.seconds.items():
            seconds[stage] += value
    seconds["total"] = total
    return {stage: round(value * 1000, 2) for stage, value in seconds.items()}
