"""Every failure is one kind of document, with an id that the log knows."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from service_clients import Serve
from service_fakes import DIGEST, FakeReader, encoded, parts

from ocr_core import errors as core
from service import errors
from service.auth.keys import new_key
from service.http.problems import STATUS, Problem, problem_of
from service.observe.logs import ConsoleFormatter, JsonFormatter

IMAGE = encoded()
FIELDS = {"type", "title", "status", "code", "detail", "request_id"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/ocr", 405, "method_not_allowed"),
        ("DELETE", "/livez", 405, "method_not_allowed"),
        ("POST", "/v1/ocr", 415, "unsupported_content_type"),
    ],
)
async def test_routing_errors_are_problems_too(serve: Serve, method: str, path: str, status: int, code: str) -> None:
    async with serve() as client:
        answer = await client.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == FIELDS
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    if status == 405:
        assert answer.headers["allow"]


FORGOTTEN = "no file was sent; with curl write -F file=@receipt.jpg; what lies at a URL is not fetched"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("form", "detail"),
    [
        ([("file", (None, b"receipt.jpg"))], f"body.file: {FORGOTTEN}"),
        ([("file", ("", b""))], f"body.file: {FORGOTTEN}"),
        ([("url", (None, b"https://example.org/receipt.jpg"))], f"body.file: {FORGOTTEN}"),
        ([*parts(IMAGE), ("fromat", (None, b"text"))], "body.fromat: no such field; did you mean `format`?"),
        ([*parts(IMAGE), ("url", (None, b"x"))], "body.url: no such field; there are detect, min_confidence, words, "),
    ],
)
async def test_forms_that_are_nearly_right_are_told_what_is_missing(serve: Serve, form: list, detail: str) -> None:
    async with serve() as client:
        answer = await client.post("/v1/ocr", files=form)
        several = await client.post("/v1/ocr", files=[*parts(IMAGE), ("file", (None, b"receipt.jpg"))])
        file = await client.post("/v1/ocr", files={"file": (None, b"nothing", "application/octet-stream")})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["detail"].startswith(detail)
    assert [page.get("error", {}).get("status") for page in several.json()["pages"]] == [None, 415]
    assert (file.status_code, file.json()["code"]) == (415, "unsupported_image_type")


FORMATS = "'json', 'text', 'markdown', 'tsv', 'hocr', 'alto' or 'pdf'"
MODEL = "must be a model's `name` or `name@version`: small letters, digits, dots, hyphens and underscores"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("words", "maybe", "must be true or false, not 'maybe'"),
        ("min_confidence", "0,5", "must be a number, not '0,5'"),
        ("min_confidence", "2", "must be 1 or less, not '2'"),
        ("min_confidence", "-1", "must be 0 or more, not '-1'"),
        ("format", "docx", f"must be {FORMATS}, not 'docx'"),
        ("format", "d" * 41, f"must be {FORMATS}"),
        ("model", "../x", f"{MODEL}, not '../x'"),
        ("password", "p" * 1001, "must be of at most 1000 characters"),
        ("formt", "text", "no such field; did you mean `format`?"),
    ],
)
async def test_a_field_is_refused_in_the_same_words_wherever_it_stands(
    serve: Serve, field: str, value: str, why: str
) -> None:
    async with serve() as client:
        query = await client.post("/v1/ocr", params={field: value}, files=parts(IMAGE))
        form = await client.post("/v1/ocr", data={field: value}, files=parts(IMAGE))
        body = await client.post("/v1/ocr", json={"image": "aGFsbG8=", field: value})
    assert query.json()["errors"] == [{"loc": ["query", field], "msg": why}]
    assert form.json()["errors"] == body.json()["errors"] == [{"loc": ["body", field], "msg": why}]
    assert {answer.status_code for answer in (query, form, body)} == {422}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([], "body: must be an object"),
        ({}, "body.image: is missing"),
        ({"image": "aGFsbG8=", "words": None}, "body.words: must be true or false, not null"),
        ({"image": "aGFsbG8=", "model": 5}, "body.model: must be a string, not 5"),
        ({"image": "aGFsbG8=", "model": 10**40}, "body.model: must be a string"),
        ({"image": "aGFsbG8=", "password": 12345}, "body.password: must be a string"),
        ({"image": "aGFsbG8=", "min_confidence": [1]}, "body.min_confidence: must be a number"),
    ],
)
async def test_json_is_refused_in_words_that_repeat_no_secret(serve: Serve, body: object, why: str) -> None:
    async with serve() as client:
        answer = await client.post("/v1/ocr", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (422, why)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "sent", "why"),
    [
        ("POST", "/v1/ocr", {"headers": {"x-request-timeout-ms": "1.5"}}, "must be a whole number, not '1.5'"),
        ("POST", "/v1/ocr", {"headers": {"x-request-timeout-ms": "0"}}, "must be 1 or more, not '0'"),
        ("GET", "/v1/jobs?limit=501", {}, "must be 500 or less, not '501'"),
        ("GET", "/v1/jobs?after=x", {}, "must be what the list before had as `next`, not 'x'"),
        ("GET", "/v1/jobs?nothing=like", {}, "no such field; there are limit, after"),
        ("GET", "/v1/jobs/7", {}, "must be a job's id: 32 of the digits 0-9a-f, not '7'"),
        ("POST", "/v1/models/fake/load", {"json": {"versoin": "1"}}, "no such field; did you mean `version`?"),
    ],
)
async def test_other_fields_are_refused_in_words_too(
    serve: Serve, method: str, path: str, sent: dict, why: str, tmp_path: Path
) -> None:
    secret, key = new_key("ops", ["read", "admin"])
    async with serve(api_keys=key.line(), jobs_folder=tmp_path) as client:
        client.headers["x-api-key"] = secret
        answer = await client.request(method, path, **sent)
    assert (answer.status_code, [error["msg"] for error in answer.json()["errors"]]) == (422, [why])


@pytest.mark.anyio
async def test_the_unexpected_is_a_500_that_tells_nothing_and_logs_everything(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    async with serve(FakeReader(fail)) as client:
        answer = await client.post("/v1/ocr", headers={"x-request-id": "r-1"}, files=parts(IMAGE))
        assert (await client.get("/readyz")).status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "r-1"
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "secret" in logging.Formatter().format(record)


@pytest.mark.anyio
@pytest.mark.parametrize("offered", ["abc-123", "0af7651916cd43dd8448eb211c80319c", "A.b:c_d"])
async def test_a_clients_request_id_is_kept(serve: Serve, offered: str) -> None:
    async with serve() as client:
        answer = await client.get("/livez", headers={"x-request-id": offered})
    assert answer.headers["x-request-id"] == offered


@pytest.mark.anyio
@pytest.mark.parametrize("offered", ["", "a b", "x" * 129, 'a"b', "naïve".encode(), "a\tb"])
async def test_other_request_ids_are_replaced(serve: Serve, offered: str | bytes) -> None:
    async with serve() as client:
        ids = {(await client.get("/livez", headers={"x-request-id": offered})).headers["x-request-id"] for _ in "ab"}
    assert len(ids) == 2
    assert all(len(found) == 32 for found in ids)


def every(kind: type[core.OcrError]) -> list[type[core.OcrError]]:
    # Those of `ocr batch` meet no request.
    own = [sub for sub in kind.__subclasses__() if not sub.__module__.startswith("service.bulk.")]
    return [kind, *(found for sub in own for found in every(sub))]


def test_codes_are_unique_and_statuses_agree_with_the_conventions() -> None:
    kinds = every(core.OcrError)
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert set(STATUS.values()) == {400, 401, 403, 404, 406, 408, 409, 413, 415, 422, 429, 499, 500, 503, 504}
    for kind in every(core.ImageError):
        assert problem_of(kind("why")).status in {413, 415, 422}
    for kind in [*every(core.BackendError), *every(core.BundleError)]:
        assert problem_of(kind("why")).status == (404 if kind is core.BundleNotFoundError else 500)


def test_details_of_our_own_failures_stay_with_us() -> None:
    assert problem_of(core.UndecodableImageError("cut off")).detail == "cut off"
    for error in (core.BackendError("secret"), KeyError("secret")):
        assert "secret" not in problem_of(error).model_dump_json()


def test_invalid_requests_do_not_repeat_what_was_sent() -> None:
    error = errors.InvalidRequestError([{"loc": ("body", "image"), "msg": "is not base64", "input": "secret"}])
    assert error.errors == [{"loc": ["body", "image"], "msg": "is not base64"}]
    assert problem_of(error) == Problem(
        title=problem_of(error).title, status=422, code="invalid_request", detail="body.image: is not base64"
    )


@pytest.mark.anyio
async def test_a_read_logs_one_line_without_content(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.request")
    async with serve() as client:
        files = [("file", ("private-name.png", IMAGE)), ("file", ("2.png", b"no image"))]
        await client.post("/v1/ocr", headers={"x-request-id": "r-7"}, files=files)
        await client.get("/livez")
    (record,) = [record for record in caplog.records if record.name == "service.request"]
    assert record.endpoint == "/v1/ocr"
    assert (record.status, record.images, record.failed, record.lines) == (200, 2, 1, 2)
    assert record.model_digest == DIGEST
    assert record.timings_ms["det"] == 20
    line = JsonFormatter().format(record)
    assert "Total" not in line
    assert "private-name" not in line


@pytest.mark.anyio
async def test_log_lines_carry_the_request_id_even_from_worker_threads(serve: Serve) -> None:
    lines = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    def page(*_: object) -> None:
        logging.getLogger("engine").warning("inside")
        raise ZeroDivisionError

    keep = Keep()
    logging.getLogger().addHandler(keep)
    try:
        async with serve(FakeReader(page)) as client:
            await client.post("/v1/ocr", headers={"x-request-id": "r-9"}, files=parts(IMAGE))
    finally:
        logging.getLogger().removeHandler(keep)
    assert {line["message"] for line in lines if line.get("request_id") == "r-9"} >= {"inside", "unexpected error"}


def test_formatters_show_fields_and_tracebacks() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        # Not by the factory, to which other packages (OCRmyPDF) add fields of their own.
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "it %s", ("broke",), (ValueError, error, None))
        record.n = 1
    entry = json.loads(JsonFormatter().format(record))
    assert (entry["level"], entry["logger"], entry["message"], entry["n"]) == ("error", "a", "it broke", 1)
    assert "ValueError: broken" in entry["exception"]
    first, *rest = ConsoleFormatter().format(record).splitlines()
    assert first.endswith("ERROR   it broke n=1")
    assert "ValueError: broken" in rest[-1]


def test_pillow_says_nothing_of_uploads() -> None:
    script = (
        "import logging; from service.observe.logs import configure_logging; configure_logging('debug', 'console'); "
        "logging.getLogger('PIL.TiffImagePlugin').error('samples'); logging.getLogger('ours').error('heard')"
    )
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert "heard" in done.stderr
    assert "samples" not in done.stderr


def _concrete(kind: type[core.OcrError]) -> list[type[core.OcrError]]:
    return [kind, *(sub for child in kind.__subclasses__() for sub in _concrete(child))]


def test_the_engine_calls_a_fault_what_http_answers_with_500() -> None:
    kinds = [kind for kind in _concrete(core.OcrError) if kind.__module__ in ("ocr_core.errors", "service.errors")]
    assert len(kinds) > 20
    for kind in kinds:
        error = kind.__new__(kind)
        status = next(STATUS[base] for base in kind.__mro__ if base in STATUS)
        if kind is not errors.ServiceError:
            assert errors.is_fault(error) == (status == 500), kind
    assert errors.is_fault(ZeroDivisionError())
