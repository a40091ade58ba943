"""The OpenAPI document is right: valid, with examples that follow their own schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from service_clients import Serve
from service_fakes import encoded, parts

from service.app import create_app
from service.auth.keys import new_key
from service.http.problems import CONTENT_TYPE
from service.settings import MODEL_PATTERN, Settings

CODES = """
backend_error backend_unavailable bundle_corrupt bundle_exists bundle_import bundle_not_found bundle_schema
damaged_document deadline_exceeded forbidden idempotency_key_in_use image_too_large internal_error invalid_bundle
invalid_document invalid_image invalid_pages invalid_request job_abandoned job_files_lost job_not_found
job_store_unavailable malformed_request memory_exhausted method_not_allowed
model_conflict model_not_loaded model_not_served no_image_read no_result_yet not_acceptable not_found not_ready
overloaded page_too_costly password_required payload_too_large rate_limited too_many_images too_many_pages unauthorized
undecodable_image unhealthy unreadable_page unsupported_content_type unsupported_encryption unsupported_image_type
upload_stalled wrong_password
"""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_operations_are_called_as_clients_will_call_them(document: dict[str, Any]) -> None:
    found = {
        f"{method} {path}": operation["operationId"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert found == {
        "post /v1/ocr": "read",
        "post /v1/jobs": "submit_job",
        "get /v1/jobs": "list_jobs",
        "get /v1/jobs/{id}": "get_job",
        "get /v1/jobs/{id}/result": "get_result",
        "delete /v1/jobs/{id}": "delete_job",
        "get /v1/models": "list_models",
        "post /v1/models/{name}/load": "load_model",
        "post /v1/models/{name}/unload": "unload_model",
        "get /livez": "live",
        "get /readyz": "ready",
        "get /version": "version",
    }


def test_every_code_that_a_problem_may_have_is_listed(document: dict[str, Any]) -> None:
    """The list is a contract: clients match on it, so nothing may leave it."""
    schemas = document["components"]["schemas"]
    assert " ".join(schemas["Code"]["enum"]).split() == CODES.split()
    for name in ("Problem", "ProblemDocument"):
        assert schemas[name]["properties"]["code"] == {"$ref": "#/components/schemas/Code"}


def test_bodies_have_names_that_make_classes(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/ocr"]["post"]["requestBody"]["content"]
    references = {kind: one["schema"].get("$ref", "").rpartition("/")[2] for kind, one in content.items()}
    assert references == {
        "multipart/form-data": "UploadForm",
        "application/json": "JsonUpload",
        "image/*": "",
        "application/pdf": "",
    }
    schemas = document["components"]["schemas"]
    assert schemas["UploadForm"]["properties"]["file"]["maxItems"] == Settings().max_client_batch_size
    assert schemas["JsonUpload"]["properties"]["image"]["contentEncoding"] == "base64"


def test_a_key_is_asked_for_only_where_there_are_keys(document: dict[str, Any]) -> None:
    def secured(document: dict[str, Any]) -> set[str]:
        return {
            path for path, item in document["paths"].items() for operation in item.values() if "security" in operation
        }

    _, key = new_key("till", ["read"])
    assert secured(document) == set()
    assert "securitySchemes" not in document["components"]
    assert secured(create_app(Settings(api_keys=key.line())).openapi()) == {
        "/v1/ocr",
        "/v1/jobs",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/result",
        "/v1/models",
        "/v1/models/{name}/load",
        "/v1/models/{name}/unload",
    }


@pytest.mark.anyio
async def test_the_example_of_a_body_is_read(serve: Serve, document: dict[str, Any]) -> None:
    example = document["paths"]["/v1/ocr"]["post"]["requestBody"]["content"]["application/json"]["example"]
    async with serve() as client:
        assert (await client.post("/v1/ocr", json=example)).status_code == 200


def test_only_json_can_hold_null(document: dict[str, Any]) -> None:
    """A page that fills in a form from its schema would send the word `null`, and no model is called so."""
    read = document["paths"]["/v1/ocr"]["post"]
    form = document["components"]["schemas"]["UploadForm"]["properties"]
    fields = [*form.values(), *(parameter["schema"] for parameter in read["parameters"])]
    assert len(fields) == 11 + 11
    assert not any("anyOf" in field for field in fields)
    assert form["model"]["pattern"] == MODEL_PATTERN


def contents(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every media type object below `node`, with its media type."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "content":
                yield from value.items()
            else:
                yield from contents(value)


def test_examples_follow_their_schemas(document: dict[str, Any]) -> None:
    examples = [(c["schema"], c["example"]) for _, c in contents(document["paths"]) if "example" in c]
    assert len(examples) > 10
    for schema, example in examples:
        check(document, schema, example)


def test_every_failure_is_a_problem_document(document: dict[str, Any]) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if not status.startswith("2"):
                    assert set(response["content"]) == {CONTENT_TYPE}
                    assert response["content"][CONTENT_TYPE]["example"]["status"] == int(status)


def test_a_result_may_be_any_problem_of_its_pages(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/jobs/{id}/result"]["get"]["responses"]
    assert {"404", "406", "409", "413", "415", "422", "429", "500", "503", "504"} <= set(responses)


def test_reading_takes_three_forms_and_says_so(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/ocr"]["post"]
    assert set(operation["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/json",
        "image/*",
        "application/pdf",
    }
    assert {"200", "400", "401", "403", "406", "408", "413", "415", "422", "429", "500", "503", "504"} == set(
        operation["responses"]
    )
    for status in ("429", "503"):
        assert "Retry-After" in operation["responses"][status]["headers"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == {
        "detect",
        "min_confidence",
        "words",
        "language",
        "model",
        "format",
        "pages",
        "password",
        "text_layer",
        "preview",
    } | {"X-Request-Timeout-Ms"}


@pytest.mark.anyio
async def test_real_answers_follow_the_schemas(serve: Serve, document: dict[str, Any]) -> None:
    image = encoded()
    responses = document["paths"]["/v1/ocr"]["post"]["responses"]
    async with serve(max_client_batch_size=4) as client:
        served = (await client.get("/openapi.json")).json()
        for form in ("UploadForm", "JobForm"):
            files = served["components"]["schemas"][form]["properties"]["file"]
            assert files.pop("maxItems") == 4
            files["maxItems"] = Settings().max_client_batch_size
        assert served == document
        for query, files in (
            ({"words": True}, parts(image)),
            ({}, parts(image, b"no image")),
            ({}, parts(b"", b"no image")),
            ({}, parts(b"no image")),
            ({"words": "maybe"}, parts(image)),
            ({}, parts(*[image] * 5)),
        ):
            answer = await client.post("/v1/ocr", params=query, files=files)
            content = responses[str(answer.status_code)]["content"][answer.headers["content-type"]]
            check(document, content["schema"], answer.json())
        lines = await client.post("/v1/ocr", headers={"accept": "application/x-ndjson"}, files=parts(image, b"none"))
        failed = json.loads(lines.text.splitlines()[1])
        assert (set(failed), failed["lines"]) == ({"file", "page", "lines", "error"}, [])
        assert "no size and empty `lines`" in document["components"]["schemas"]["Page"]["description"]
        for line in lines.text.splitlines():
            check(document, responses["200"]["content"]["application/x-ndjson"]["schema"], json.loads(line))
        for path in ("/v1/models", "/version", "/livez", "/readyz"):
            (content,) = document["paths"][path]["get"]["responses"]["200"]["content"].values()
            check(document, content["schema"], (await client.get(path)).json())
