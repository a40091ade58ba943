"""Errors as problem documents (RFC 9457): one table from error to status, one shape for all of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import ocr_core.errors
from ocr_core.errors import (
    BundleNotFoundError,
    ImageError,
    ImageTooLargeError,
    OcrError,
    TooManyPagesError,
    UnsupportedImageError,
)
from service import errors
from service.errors import is_fault
from service.http.exchange import exchange_of
from service.http.fields import in_words
from service.observe.metrics import Result

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
CLIENT_GONE = 499
"""Nobody receives this one; it is the number that logs and metrics know a vanished client by."""
RETRY_SECONDS = 5
"""When to come back after a 503: models load in a few seconds, and a process that stops is out of sight by then."""

STATUS: Mapping[type[OcrError], int] = {
    errors.MalformedRequestError: 400,
    errors.UnauthorizedError: 401,
    errors.ForbiddenError: 403,
    BundleNotFoundError: 404,
    errors.ModelNotLoadedError: 404,
    errors.JobNotFoundError: 404,
    errors.NotAcceptableError: 406,
    errors.UploadStalledError: 408,
    errors.ModelConflictError: 409,
    errors.IdempotencyKeyError: 409,
    errors.NoResultError: 409,
    errors.JobFilesLostError: 404,
    errors.PayloadTooLargeError: 413,
    errors.TooManyImagesError: 413,
    ImageTooLargeError: 413,
    TooManyPagesError: 413,
    errors.UnsupportedContentTypeError: 415,
    UnsupportedImageError: 415,
    errors.InvalidRequestError: 422,
    errors.JobAbandonedError: 422,
    errors.ModelNotServedError: 422,
    errors.NoImageReadError: 422,
    ImageError: 422,
    errors.OverloadedError: 429,
    errors.ClientGoneError: CLIENT_GONE,
    OcrError: 500,
    errors.NotReadyError: 503,
    errors.UnhealthyError: 503,
    errors.JobStoreError: 503,
    errors.DeadlineExceededError: 504,
}
"""Status of an error: that of its nearest class."""

REJECTED: Mapping[type[OcrError], str] = {
    errors.OverloadedError: "queue_full",
    errors.MemoryExhaustedError: "memory",
    errors.RateLimitedError: "rate_limit",
    errors.DeadlineExceededError: "deadline",
    errors.UploadStalledError: "deadline",
    errors.ClientGoneError: "cancelled",
    errors.PayloadTooLargeError: "too_large",
    errors.TooManyImagesError: "too_large",
    ImageTooLargeError: "too_large",
    TooManyPagesError: "too_large",
}
"""Label `reason` of `ocr_requests_rejected_total`."""


def result_of(status: int) -> Result:
    """Return what became of a request that was answered with `status`, or of an image whose error has it."""
    if status < HTTPStatus.BAD_REQUEST:
        return "read"
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        return "late"
    if status == CLIENT_GONE:
        return "cancelled"
    ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE
    return "failed" if ours else "refused"


INTERNAL = "internal_error"
_OF_ROUTING: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
}
_NEVER_SENT = (OcrError, errors.ServiceError, errors.ClientGoneError)


def _codes() -> tuple[str, ...]:
    kinds = [kind for module in (ocr_core.errors, errors) for kind in vars(module).values() if isinstance(kind, type)]
    sent = {kind.code for kind in kinds if issubclass(kind, OcrError) and kind not in _NEVER_SENT}
    return tuple(sorted(sent | {*_OF_ROUTING.values(), INTERNAL}))


CODES = _codes()
"""Every `code` that a problem may have."""


class Problem(BaseModel):
    """A problem document. Match on `code`: it is stable, `detail` is for people."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str = Field(description="The status in words.", examples=["Unprocessable Content"])
    status: int = Field(description="The HTTP status.", examples=[422])
    code: str = Field(description="What went wrong, for machines.", examples=["undecodable_image"])
    detail: str = Field(description="What went wrong, for people.", examples=["the JPEG data is damaged"])


class FieldError(BaseModel):
    """A field of a request that was refused."""

    loc: list[str | int] = Field(description="Where it is: `body`, `query`, `header` or `path`, then its name.")
    msg: str = Field(description="What is wrong with it, for people.")


class FailedPage(BaseModel):
    """A page that could not be read; a file that cannot be opened counts as its first."""

    file: str
    page: int
    error: Problem


class ProblemDocument(Problem):
    """A problem document as the answer to a whole request."""

    request_id: str = Field(description="The request, as logs know it.", examples=["5f0c8ad1f8c94f0f8a1d3e0f3b6b7a55"])
    errors: list[FieldError] | None = Field(
        default=None, description="With code `invalid_request`: the fields that were refused."
    )
    pages: list[FailedPage] | None = Field(default=None, description="With code `no_image_read`: every page.")


class KnownProblemError(errors.ServiceError):
    """A problem that was written down before and stands for itself, as that of a job's page."""

    code = "known_problem"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.code = problem.code  # for the log


def problem_of(error: Exception) -> Problem:
    """Return what a client may know of `error`: nothing of what happens inside."""
    if isinstance(error, KnownProblemError):
        return error.problem
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    if isinstance(error, OcrError) and (error.code in CODES or status == CLIENT_GONE):
        detail = str(error) if status != 500 else "the engine failed; the log has more under this request's id"
        return _problem(status, error.code, detail)
    return _problem(500, INTERNAL, "an unexpected error; the log has more under this request's id")


def describe(error: Exception) -> dict[str, Any]:
    """Return `problem_of` as plain values, to be written down."""
    return problem_of(error).model_dump()


def report(error: Exception) -> None:
    """Log an error whose cause the client is not told."""
    if is_fault(error):
        log.error("an image could not be read", exc_info=error)


def problem_response(request_id: str, error: Exception) -> Response:
    """Return the problem document for `error`."""
    headers: dict[str, str] = {}
    if isinstance(error, errors.OverloadedError):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, (errors.NotReadyError, errors.UnhealthyError, errors.JobStoreError)):
        headers["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(error, errors.UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    extra: dict[str, Any] = {}
    if isinstance(error, errors.InvalidRequestError):
        extra["errors"] = error.errors
    if isinstance(error, errors.NoImageReadError):
        extra["pages"] = error.pages
    return _respond(problem_of(error), request_id, headers, extra)


def install_handlers(app: FastAPI) -> None:
    """Answer errors of the domain, of validation and of routing with problem documents."""

    async def domain(request: Request, error: Exception) -> Response:
        report(error)
        exchange = exchange_of(request)
        exchange.error = error
        return problem_response(exchange.request_id, error)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        known = _fields_of(request)
        found = [{"loc": each["loc"], "msg": in_words(each, known)} for each in error.errors()]
        return await domain(request, errors.InvalidRequestError(found))

    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        ours = error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        code = _OF_ROUTING.get(error.status_code, INTERNAL if ours else errors.MalformedRequestError.code)
        problem = _problem(error.status_code, code, str(error.detail))
        return _respond(problem, exchange_of(request).request_id, error.headers, {})

    async def gone(request: Request, _: Exception) -> Response:
        return await domain(request, errors.ClientGoneError("the client left before the end of its request"))

    app.add_exception_handler(OcrError, domain)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, routing)


def _fields_of(request: Request) -> list[str]:
    """Return what a query of the route may have."""
    taken = request.scope["route"].dependant.query_params
    return [name for one in taken for name in getattr(one.field_info.annotation, "model_fields", {})]


def _problem(status: int, code: str, detail: str) -> Problem:
    title = "Client Closed Request" if status == CLIENT_GONE else HTTPStatus(status).phrase
    return Problem(title=title, status=status, code=code, detail=detail)


def _respond(problem: Problem, request_id: str, headers: Mapping[str, str] | None, extra: dict[str, Any]) -> Response:
    document = ProblemDocument(**problem.model_dump(), request_id=request_id, **extra)
    return Response(document.model_dump_json(exclude_none=True), problem.status, headers, media_type=CONTENT_TYPE)
