"""Why a request was not served, beside what `ocr_core.errors` already names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ocr_core.errors import BundleNotFoundError, ImageError, OcrError

MAX_FIELD_ERRORS = 20
"""Fields of which a problem tells. A request may name thousands that do not exist."""


class ServiceError(OcrError):
    """Root of the errors that only a service has."""

    code = "service_error"


class MalformedRequestError(ServiceError):
    """The body is not what its `Content-Type` says."""

    code = "malformed_request"


class InvalidRequestError(ServiceError):
    """Well formed, but a field is missing, unknown or out of its range.

    `errors` holds one `{"loc", "msg"}` a field, of very many the first; pydantic's `input` is left out.
    """

    code = "invalid_request"

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        self.errors = [{"loc": list(error["loc"]), "msg": error["msg"]} for error in errors[:MAX_FIELD_ERRORS]]
        super().__init__("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in self.errors))


class UnsupportedContentTypeError(ServiceError):
    """A `Content-Type` that `/v1/ocr` does not take."""

    code = "unsupported_content_type"


class NotAcceptableError(ServiceError):
    """None of the media types that the request accepts can be given."""

    code = "not_acceptable"


class UploadStalledError(ServiceError):
    """The body of a request stopped to arrive."""

    code = "upload_stalled"


class PayloadTooLargeError(ServiceError):
    """More bytes than the payload limit."""

    code = "payload_too_large"


class TooManyImagesError(ServiceError):
    """More images in one request than allowed."""

    code = "too_many_images"


class ModelNotServedError(ServiceError):
    """The request names a model, or a version of it, that is not loaded here."""

    code = "model_not_served"


class ModelNotLoadedError(ServiceError):
    """A model, or a version of it, that is to be unloaded and is not loaded here."""

    code = "model_not_loaded"


class OverloadedError(ServiceError):
    """No place left. `retry_after` is in whole seconds, at least 1."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class MemoryExhaustedError(OverloadedError):
    """No memory left for what the request would take."""

    code = "memory_exhausted"


class RateLimitedError(OverloadedError):
    """More requests with one key than it may send."""

    code = "rate_limited"


class UnauthorizedError(ServiceError):
    """No API key, or one that is not known here."""

    code = "unauthorized"


class ForbiddenError(ServiceError):
    """The API key does not allow this, or nobody may do it here."""

    code = "forbidden"


class ModelConflictError(ServiceError):
    """The models are in a state in which this cannot be done to them."""

    code = "model_conflict"


class UnhealthyError(ServiceError):
    """The engine no longer computes as it should; only a new process will help."""

    code = "unhealthy"


class NotReadyError(ServiceError):
    """The model is still loading, could not be loaded, or is being put away."""

    code = "not_ready"


class DeadlineExceededError(ServiceError):
    """The request's deadline has passed."""

    code = "deadline_exceeded"


class ClientGoneError(ServiceError):
    """The client has closed the connection; nobody waits for an answer."""

    code = "client_gone"


class JobNotFoundError(ServiceError):
    """There is no such job, or it belongs to another key, or it has expired."""

    code = "job_not_found"


class JobStoreError(ServiceError):
    """The store of jobs, or of their files, is gone, locked or full."""

    code = "job_store_unavailable"


class JobAbandonedError(ServiceError):
    """The workers of a job have died several times in a row on the same page."""

    code = "job_abandoned"


class JobFilesLostError(ServiceError):
    """What was kept of a job has gone."""

    code = "job_files_lost"


class NoResultError(ServiceError):
    """A job of which no page was read yet."""

    code = "no_result_yet"


class IdempotencyKeyError(ServiceError):
    """An idempotency key that came before with another request, or whose request is still being taken in."""

    code = "idempotency_key_in_use"


class NoImageReadError(ServiceError):
    """Every one of several images failed. `pages` holds the failed pages, ready to be sent."""

    code = "no_image_read"

    def __init__(self, pages: Sequence[dict[str, Any]]) -> None:
        super().__init__(f"none of the {len(pages)} images could be read")
        self.pages = list(pages)


def is_fault(error: Exception) -> bool:
    """Tell whether `error` is ours and nobody else's: neither the request's nor the hour's."""
    return not isinstance(error, (ServiceError, ImageError, BundleNotFoundError))
