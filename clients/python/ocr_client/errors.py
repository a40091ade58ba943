"""Why there is no answer. Match on the class, or on `code`, which is stable; `detail` is for people."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any

from ocr_client.pages import Problem


class OcrError(Exception):
    """Root of what goes wrong at the service and on the way to it.

    Attributes:
        idempotency_key: of `submit`: the same files sent again with it make no second job.
        job_id: of `submit`: the job was taken, and only the look at it failed.
    """

    idempotency_key: str | None = None
    job_id: str | None = None

    def __str__(self) -> str:
        """Return what went wrong; the id of a job is in logs too, where it would else be lost."""
        taken = "" if self.job_id is None else f" (the job {self.job_id} was taken)"
        return super().__str__() + taken

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what a copy is made of, as where one goes to another process."""
        return _copied, (type(self), self.args), self.__dict__


def _copied(kind: type[OcrError], args: tuple[Any, ...]) -> OcrError:
    # Not by __init__: of some kinds it takes more than the message, and a pool of processes waits for ever for an error
    # that it cannot take.
    error = kind.__new__(kind)
    error.args = args
    return error


class TransportError(OcrError):
    """No whole answer came: no connection, or it broke. `__cause__` is what httpx says."""


class ForeignAnswerError(TransportError):
    """Something else answered, such as a proxy with a page of its own; tried again it would answer the same."""


class UnsendableError(TransportError):
    """What was to be sent is no HTTP, such as a header with a line feed; tried again it would be none either."""


class DeadlineExceededError(OcrError):
    """The call took longer than its `timeout`, or the service's own deadline passed."""


class ServiceError(OcrError):
    """The service answered with a problem.

    Attributes:
        problem: its `code`, `status`, `title` and `detail`.
        request_id: what the service's log knows the request by; None where something else answered.
        retry_after: seconds after which it is worth asking again; None where it did not say.
        fields: with code `invalid_request`, one `{"loc", "msg"}` for each field that was refused.
        pages: with code `no_image_read`, one `{"file", "page", "error"}` for each page.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        request_id: str | None = None,
        retry_after: float | None = None,
        fields: tuple[dict[str, Any], ...] = (),
        pages: tuple[dict[str, Any], ...] = (),
    ) -> None:
        super().__init__(f"{problem.detail} ({problem.code}, HTTP {problem.status})")
        self.problem = problem
        self.request_id = request_id
        self.retry_after = retry_after
        self.fields = fields
        self.pages = pages

    @property
    def code(self) -> str:
        """What went wrong, for programs."""
        return self.problem.code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status


class RequestError(ServiceError):
    """The call itself is wrong: an option, a model, a path."""


class FileError(ServiceError):
    """The service understood what is asked and cannot read this file: too large, of no known type, damaged, locked."""


class AccessError(ServiceError):
    """No key, an unknown one, or one that does not allow this."""


class OverloadedError(ServiceError):
    """No place, memory or right for one more request now."""


class UnavailableError(ServiceError):
    """The service is starting, stopping or broken, or what stands before it cannot reach it."""


class ServiceDeadlineError(ServiceError, DeadlineExceededError):
    """The service says that the deadline has passed."""


class InternalError(ServiceError):
    """The service failed. Its log has more under `request_id`."""


_OF_REQUEST = frozenset(
    {
        "invalid_pages",
        "invalid_request",
        "model_not_served",
        "too_many_images",
        "unsupported_content_type",
    }
)
"""Codes of statuses that else speak of a file."""

_OF_FILE = frozenset({413, 415, 422})
_CLASSES: Mapping[int, type[ServiceError]] = {
    401: AccessError,
    403: AccessError,
    429: OverloadedError,
    502: UnavailableError,
    503: UnavailableError,
    504: ServiceDeadlineError,
}


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ServiceError:
    """Return the error that an answer other than 200 stands for, whoever gave it."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    said: dict[str, Any] = found if isinstance(found, dict) and isinstance(found.get("code"), str) else {}
    problem = Problem.of({"code": _unnamed(status), "detail": _words(headers, body), **said, "status": status})
    return _class_of(problem)(
        problem,
        request_id=said.get("request_id") or headers.get("x-request-id"),
        retry_after=_seconds(headers.get("retry-after")),
        fields=_list(said.get("errors")),
        pages=_list(said.get("pages")),
    )


def _class_of(problem: Problem) -> type[ServiceError]:
    if problem.status in _OF_FILE:
        return RequestError if problem.code in _OF_REQUEST else FileError
    if kind := _CLASSES.get(problem.status):
        return kind
    return InternalError if problem.status >= 500 else RequestError


def _list(said: object) -> tuple[dict[str, Any], ...]:
    return tuple(said) if isinstance(said, list) else ()


def _unnamed(status: int) -> str:
    return f"http_{status}"


def _words(headers: Mapping[str, str], body: bytes) -> str:
    """Return what a stranger's answer says, such as a proxy's page."""
    if target := headers.get("location"):
        return f"the service is at another address: {target}"
    return " ".join(body[:200].decode("utf-8", "replace").split()) or "an answer without a word"


def _seconds(value: str | None) -> float | None:
    """Return the seconds of a `Retry-After`, which may be a date (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (OverflowError, ValueError):  # of years, or of zones, with twenty digits
        return None
