"""The parts of the OpenAPI document that FastAPI cannot derive: bodies parsed by hand, problems, examples."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.http.problems import CONTENT_TYPE, Problem, ProblemDocument
from service.http.schemas import JsonUpload, ReadFields

_REF = "#/components/schemas/{model}"

_EXAMPLES = {
    400: ("malformed_request", "the multipart body ends before its last boundary"),
    401: ("unauthorized", "send an API key as X-API-Key or as a bearer token"),
    403: ("forbidden", "this key may only read"),
    404: ("bundle_not_found", "no bundle 'invoices' in ./models. ./models has ppocrv6."),
    408: ("upload_stalled", "no byte of the body came for too long"),
    409: ("model_conflict", "ppocrv6@1 answers requests; take up another version first"),
    413: ("image_too_large", "65535×65535 pixels; the limit is 50000000 pixels"),
    415: ("unsupported_image_type", "not a JPEG, PNG, WebP, BMP, TIFF or GIF image"),
    422: ("undecodable_image", "the JPEG data is damaged: image file is truncated"),
    429: ("overloaded", "the queue is full"),
    500: ("backend_error", "the engine failed; the log has more under this request's id"),
    503: ("not_ready", "the model is loading"),
    504: ("deadline_exceeded", "the deadline has passed"),
}
_EXAMPLE_ID = "5f0c8ad1f8c94f0f8a1d3e0f3b6b7a55"

_WHITE_PNG = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAEUlEQVQY02P8z4AKmBhGtAAAIBABH0NnlfgAAAAASUVORK5CYII="

_READ_EXAMPLE = {
    "pages": [
        {
            "file": "receipt.jpg",
            "page": 1,
            "width": 1080,
            "height": 1920,
            "rotation": 0,
            "lines": [
                {
                    "text": "TOTAL 12.50",
                    "confidence": 0.9873,
                    "polygon": [[212.0, 940.5], [560.0, 938.0], [560.25, 981.0], [212.25, 983.5]],
                    "words": [],
                }
            ],
        }
    ],
    "timings_ms": {"decode": 14.2, "queue": 0.1, "det": 131.0, "crop": 0.9, "rec": 17.3, "post": 2.4, "total": 167.1},
    "model": {"name": "ppocrv6", "version": "1", "digest": "9f86d081884c7d659a2feaa0c55ad015" * 2},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer these problems."""
    return {status: _problem_response(status) for status in statuses}


def read_operation() -> dict[str, Any]:
    """Return what `POST /v1/ocr` adds to its operation: the three forms of its body, and an example of its answer."""
    form = ReadFields.model_json_schema(ref_template=_REF)
    file = {"type": "string", "format": "binary"}
    form["properties"] = {"file": {"type": "array", "items": file, "minItems": 1}, **form["properties"]}
    form |= {"title": "Form", "required": ["file"]}
    content = {
        "multipart/form-data": {"schema": form},
        "application/json": {
            "schema": JsonUpload.model_json_schema(ref_template=_REF),
            "example": {"image": _WHITE_PNG, "words": True},
        },
        "image/*": {"schema": file},
    }
    return {
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"content": {"application/json": {"example": _READ_EXAMPLE}}}},
    }


def install_openapi(app: FastAPI, *, needs_keys: bool) -> None:
    """Let `app` describe itself, with the schema of problem documents, which no route returns by type.

    The routes ask for a key only where there are any.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            components = schema.setdefault("components", {}).setdefault("schemas", {})
            for model in (Problem, ProblemDocument):
                components[model.__name__] = model.model_json_schema(ref_template=_REF, mode="serialization")
            if not needs_keys:
                for operation in (operation for item in schema["paths"].values() for operation in item.values()):
                    operation.pop("security", None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _problem_response(status: int) -> dict[str, Any]:
    code, detail = _EXAMPLES[status]
    phrase = HTTPStatus(status).phrase
    example = {
        "type": "about:blank",
        "title": phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": _EXAMPLE_ID,
    }
    response: dict[str, Any] = {
        "description": phrase,
        "content": {CONTENT_TYPE: {"schema": {"$ref": _REF.format(model="ProblemDocument")}, "example": example}},
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        description = "Seconds until a place will be free, as recent requests tell."
        response["headers"] = {"Retry-After": {"description": description, "schema": {"type": "integer", "minimum": 1}}}
    return response
