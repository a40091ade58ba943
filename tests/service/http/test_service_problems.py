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
