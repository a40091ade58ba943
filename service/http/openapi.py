"""The parts of the OpenAPI document that FastAPI cannot derive: bodies parsed by hand, problems, examples."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.http.accept import MEDIA_TYPES
from service.http.job_schemas import JobFields, JsonJob
from service.http.problems import CODES, CONTENT_TYPE, ProblemDocument
from service.http.schemas import JsonUpload, ReadFields, StreamEnd
from service.jobs.job import State

_REF = "#/components/schemas/{model}"

_EXAMPLES = {
    400: ("malformed_request", "the multipart body ends before its last boundary"),
    401: ("unauthorized", "send an API key as X-API-Key or as a bearer token"),
    403: ("forbidden", "this key may only read"),
    404: ("bundle_not_found", "no bundle 'invoices' in ./models. ./models has ppocrv6."),
    406: ("not_acceptable", "an answer is one of application/json, application/x-ndjson, text/plain"),
    408: ("upload_stalled", "no byte of the body came for too long"),
    409: ("model_conflict", "ppocrv6@1 answers requests; take up another version first"),
    413: ("image_too_large", "65535×65535 pixels; the limit is 50000000 pixels"),
    415: ("unsupported_image_type", "neither a PDF nor a JPEG, PNG, WebP, BMP, TIFF or GIF image"),
    422: ("undecodable_image", "the JPEG data is damaged: image file is truncated"),
    429: ("overloaded", "the queue is full"),
    500: ("backend_error", "the engine failed; the log has more under this request's id"),
    503: ("not_ready", "the model is loading"),
    504: ("deadline_exceeded", "the deadline has passed"),
}
_EXAMPLE_ID = "5f0c8ad1f8c94f0f8a1d3e0f3b6b7a55"

_FILE = {"type": "string", "format": "binary"}

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
    return {"requestBody": _body("UploadForm", "JsonUpload"), "responses": {"200": {"content": _answers()}}}


def job_operation() -> dict[str, Any]:
    """Return what `POST /v1/jobs` adds to its operation: the three forms of its body, and where its job will be."""
    location = {"description": "Path of the job.", "schema": {"type": "string"}}
    return {
        "requestBody": _body("JobForm", "JsonJob"),
        "responses": {"202": {"headers": {"Location": location}}},
    }


def result_operation() -> dict[str, Any]:
    """Return what `GET /v1/jobs/{id}/result` adds to its operation: the forms of its answer."""
    state = {"description": "Where the job stands.", "schema": {"type": "string", "enum": list(get_args(State))}}
    return {"responses": {"200": {"headers": {"X-Job-State": state}, "content": _answers()}}}


def _body(form: str, json: str) -> dict[str, Any]:
    content = {
        "multipart/form-data": {"schema": {"$ref": _REF.format(model=form)}},
        "application/json": {
            "schema": {"$ref": _REF.format(model=json)},
            "example": {"image": _WHITE_PNG, "words": True},
        },
        "image/*": {"schema": _FILE},
        "application/pdf": {"schema": _FILE},
    }
    return {"required": True, "content": content}


def _answers() -> dict[str, Any]:
    answers: dict[str, Any] = {
        media_type.partition(";")[0]: {"schema": _FILE if name == "pdf" else {"type": "string"}}
        for name, media_type in MEDIA_TYPES.items()
    }
    answers["application/json"] = {"example": _READ_EXAMPLE}
    answers["application/x-ndjson"] = {
        "schema": {"anyOf": [{"$ref": _REF.format(model=model)} for model in ("Page", "StreamEnd")]}
    }
    return answers


def install_openapi(app: FastAPI, *, needs_keys: bool, max_files: int) -> None:
    """Let `app` describe itself, with the schemas of what no route takes or returns by type.

    The routes ask for a key only where there are any, and take so many files in one request.
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
            schema["components"]["schemas"] |= _components(max_files)
            operations = [operation for item in schema["paths"].values() for operation in item.values()]
            for parameter in (one for operation in operations for one in operation.get("parameters", ())):
                parameter["schema"] = _never_null(parameter["schema"])
            if not needs_keys:
                schema["components"].pop("securitySchemes", None)
                for operation in operations:
                    operation.pop("security", None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _components(max_files: int) -> dict[str, Any]:
    """Return the schemas of bodies parsed by hand and of problems; generated clients name their classes by them."""
    problem = ProblemDocument.model_json_schema(ref_template=_REF, mode="serialization")
    schemas = {
        **problem.pop("$defs"),
        "ProblemDocument": problem,
        "JsonUpload": JsonUpload.model_json_schema(ref_template=_REF),
        "UploadForm": _form(ReadFields, "UploadForm", max_files),
        "JsonJob": JsonJob.model_json_schema(ref_template=_REF),
        "JobForm": _form(JobFields, "JobForm", max_files),
        "StreamEnd": _without_defs(StreamEnd.model_json_schema(ref_template=_REF, mode="serialization")),
        "Code": {"type": "string", "enum": list(CODES), "description": "What went wrong, for machines."},
    }
    for name in ("Problem", "ProblemDocument"):
        schemas[name]["properties"]["code"] = {"$ref": _REF.format(model="Code")}
    return schemas


def _form(fields: type[ReadFields], name: str, max_files: int) -> dict[str, Any]:
    """Return the schema of a form with these fields and files."""
    form = fields.model_json_schema(ref_template=_REF)
    files = {"type": "array", "items": _FILE, "minItems": 1, "maxItems": max_files}
    kinds = {key: _never_null(field) for key, field in form["properties"].items()}
    # Swagger UI makes up what has neither default nor example, and sends it; empty is as good as left out.
    kinds = {key: field if "default" in field else {**field, "example": ""} for key, field in kinds.items()}
    description = "Images and documents as files of a form."
    return form | {
        "title": name,
        "required": ["file"],
        "description": description,
        "properties": {"file": files, **kinds},
    }


def _without_defs(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without those that it refers to, which are there already."""
    return {name: value for name, value in schema.items() if name != "$defs"}


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field that can be left out and cannot be null, as in a form, a query or a header.

    Swagger UI would send the word.
    """
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name not in ("anyOf", "default")}}


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
    waits = {
        HTTPStatus.TOO_MANY_REQUESTS: "Seconds until a place will be free, as recent requests tell.",
        HTTPStatus.SERVICE_UNAVAILABLE: "Seconds until it is worth asking again.",
    }
    if description := waits.get(HTTPStatus(status)):
        response["headers"] = {"Retry-After": {"description": description, "schema": {"type": "integer", "minimum": 1}}}
    return response
