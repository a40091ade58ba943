"""`/v1/jobs`: long work that outlives its request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from service.engine.threads import wait_in_thread
from service.errors import InvalidRequestError, JobFilesLostError, NotReadyError
from service.http.accept import accepted, choose_form
from service.http.answers import PageStream
from service.http.bodies import collect_json, incoming_of, parse_json
from service.http.context import Context, ContextDep
from service.http.exchange import caller_of, exchange_of
from service.http.fields import IDEMPOTENCY_KEY, JOB_ID
from service.http.job_answer import JobAnswer, kept_sheets, received_of, require_pages
from service.http.job_schemas import (
    MOST_ERRORS,
    JobAccepted,
    JobFields,
    JobList,
    JobStatus,
    JobSummary,
    JsonJob,
    ListFields,
    ResultFields,
    cursor_of,
    understood,
)
from service.http.openapi import job_operation, problems, result_operation
from service.http.routes.ocr import TimeoutHeader, receive_within, ticket_of
from service.http.routes.security import READER
from service.http.schemas import OcrResponse
from service.http.uploads import Received, Upload, counted, disconnected, merge, receive
from service.jobs.job import Job
from service.jobs.jobs import Jobs, Submission
from service.jobs.urls import find_named, is_below
from service.observe.metrics import JOBS_ENDPOINT
from service.settings import Settings

_JSON = TypeAdapter(JsonJob)

router = APIRouter(prefix=JOBS_ENDPOINT, tags=["jobs"], dependencies=[READER])

STATE_HEADER = "X-Job-State"

JobId = Annotated[str, Path(alias="id", pattern=JOB_ID, description="As the answer to `POST` has it.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=IDEMPOTENCY_KEY,
        description="A word of the client's own: a second request with it gives the job of the first, and makes none.",
    ),
]


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Have images and documents read by a job",
    response_model=JobAccepted,
    responses=problems(400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503, 504),
    openapi_extra=job_operation(),
)
async def submit_job(
    request: Request,
    response: Response,
    context: ContextDep,
    query: Annotated[JobFields, Query()],
    key: IdempotencyKey = None,
    timeout_ms: TimeoutHeader = None,
) -> JobAccepted:
    """Take what `POST /v1/ocr` takes and return at once. The job outlives the connection and the service.

    Its model, if one is named, must be loaded now.
    """
    exchange = exchange_of(request)
    serving, jobs = context.serving, _jobs(context)
    serving.require_ready()
    incoming = incoming_of(request)
    with serving.admission.request(incoming.declared, incoming.give_up) as arrival:
        take = partial(_receive, request, query, context.settings)
        received = await receive_within(take, ticket_of(exchange, timeout_ms, context), arrival)
        fields = received.fields
        assert isinstance(fields, JobFields)
        callback = fields.callback_url
        if callback is not None and not is_below(callback, context.settings.jobs_callbacks):
            raise InvalidRequestError([{"loc": ("body", "callback_url"), "msg": "is not allowed here"}])
        serving.models.find(fields.model)
        submission = Submission(
            owner=exchange.key or "",
            caller=caller_of(request),
            names=[upload.name for upload in received.uploads],
            files=[upload.data for upload in received.uploads],
            fields=fields.model_dump(mode="json", exclude={"callback_url"}),
            idempotency_key=key,
            callback_url=callback,
        )
        job = await jobs.submit(submission)
    exchange.facts["job"] = job.id
    response.headers["Location"] = f"{JOBS_ENDPOINT}/{job.id}"
    return JobAccepted.model_validate({"id": job.id, "state": job.state})


@router.get("", summary="Jobs, the newest first", responses=problems(401, 403, 422, 429, 503))
async def list_jobs(request: Request, context: ContextDep, query: Annotated[ListFields, Query()]) -> JobList:
    """Return the jobs that came with the same key; where no keys are asked for, all."""
    before = None
    if query.after is not None:
        created, _, last = query.after.partition("-")
        before = (float(created), last)
    found = await _listed(_jobs(context), exchange_of(request).key or "", query.limit + 1, before)
    shown = found[: query.limit]
    return JobList(
        jobs=[summary for _, summary in shown], next=cursor_of(shown[-1][0]) if len(found) > len(shown) else None
    )


@router.get("/{id}", summary="How far a job is", responses=problems(401, 403, 404, 422, 429, 503))
async def get_job(request: Request, context: ContextDep, name: JobId) -> JobStatus:
    """Return its state, its pages, and what went wrong."""
    job = await _find(request, context, name)
    return await _status(context, job)


@router.get(
    "/{id}/result",
    summary="What a job has read so far",
    response_model=OcrResponse,
    responses=problems(401, 403, 404, 406, 409, 413, 415, 422, 429, 500, 503, 504),
    openapi_extra=result_operation(),
)
async def get_result(
    request: Request, context: ContextDep, name: JobId, query: Annotated[ResultFields, Query()]
) -> Response:
    """Return the pages that are over, in order, as `POST /v1/ocr` would; more come while the job is running.

    The header `X-Job-State` says whether it is. Of a job of which no page could be read, the answer is its problem.
    """
    job = await _find(request, context, name)
    require_pages(job)
    exchange, jobs = exchange_of(request), _jobs(context)
    accept = accepted(request)
    with understood(job):
        told = None if (accept or "*/*").strip() != "*/*" else job.choices["format"]
    form = choose_form(query.format or told, accept)
    ticket = ticket_of(exchange, None, context, by_page=True)
    async with AsyncExitStack() as stack:
        if form == "pdf":  # made of the upload, by a process
            admission = context.serving.admission
            stack.enter_context(admission.document(caller_of(request)))
            arrival = stack.enter_context(admission.request(None, lambda: None))
        received = await received_of(job, jobs, whole=form == "pdf")
        if form == "pdf":
            arrival.grow(sum(len(upload.data) for upload in received.uploads))
        gone = asyncio.ensure_future(disconnected(request))
        gone.add_done_callback(lambda _: ticket.cancel())
        stack.callback(gone.cancel)
        answer = JobAnswer(form, received, job, context, exchange, ticket.check)
        pieces = answer.pieces(kept_sheets(job, form, jobs))
        first = await anext(pieces, b"")
        stream = PageStream(first, pieces, stack.pop_all(), answer, exchange)
        stream.headers[STATE_HEADER] = job.state
        return stream


@router.delete(
    "/{id}",
    summary="Cancel a job, or remove one that has ended",
    responses={204: {"description": "It had ended and was removed."}, **problems(401, 403, 404, 422, 429, 503)},
    response_model=JobStatus,
)
async def delete_job(request: Request, context: ContextDep, name: JobId) -> Response | JobStatus:
    """End work on a job within a second; what was read of it stays until it expires or is removed by another DELETE."""
    job = await _jobs(context).delete(exchange_of(request).key or "", name)
    if job is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return await _status(context, job)


async def _receive(request: Request, query: JobFields, settings: Settings, count: Callable[[int], None]) -> Received:
    """Take in the body of `request` as `receive` does, or fetch the file that it names."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return await receive(request, query, settings, count)
    body = await collect_json(counted(request, count))
    order = await run_in_threadpool(parse_json, body, _JSON)
    fields = merge(query, order.model_dump(exclude={"image", "url"}, exclude_unset=True))
    if order.url is None:
        return Received((Upload("image-1", order.image or b""),), fields)
    find = partial(find_named, order.url, settings.jobs_sources, settings.payload_limit)
    file = await wait_in_thread(find, "fetch")
    count(file.size)  # before it is read: many such requests are short, and all of them come in
    return Received((Upload(order.url.rpartition("/")[2], await wait_in_thread(file.read, "fetch")),), fields)


def _jobs(context: Context) -> Jobs:
    if context.jobs is None:
        raise NotReadyError("no jobs are taken here")
    return context.jobs


async def _listed(jobs: Jobs, owner: str, limit: int, before: tuple[float, str] | None) -> list[tuple[Job, JobSummary]]:
    """Return jobs as a list has them, without those that cannot be understood: they keep nobody from the others."""
    found: list[tuple[Job, JobSummary]] = []
    while True:
        some = await jobs.of_owner(owner, limit, before)
        for job in some:
            with suppress(JobFilesLostError):
                found.append((job, JobSummary.of(job)))
        if len(found) >= limit or len(some) < limit:
            return found[:limit]
        before = (some[-1].created, some[-1].id)


async def _find(request: Request, context: Context, name: str) -> Job:
    return await _jobs(context).find(exchange_of(request).key or "", name)


async def _status(context: Context, job: Job) -> JobStatus:
    failed = await _jobs(context).pages(job, 0, MOST_ERRORS, failed=True) if job.pages_failed else []
    return JobStatus.with_errors(job, failed)
