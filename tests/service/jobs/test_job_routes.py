from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from job_clients import MANY, HeldAt, ServeJobs, ended, job_when, submit, widths
from service_fakes import FakeReader, encoded, parts

from service.auth.keys import new_key
from service.http.accept import MEDIA_TYPES

pytestmark = pytest.mark.anyio


async def test_a_job_reads_what_a_request_reads(serve_jobs: ServeJobs) -> None:
    async with serve_jobs() as client:
        answer = await client.post("/v1/jobs", files=MANY)
        assert answer.status_code == 202
        job = answer.json()["id"]
        assert answer.json() == {"id": job, "state": "queued"}
        assert answer.headers["location"] == f"/v1/jobs/{job}"
        status = await ended(client, job)
        assert status["state"] == "succeeded"
        assert (status["pages_total"], status["pages_done"], status["pages_failed"]) == (6, 6, 0)
        assert (status["errors"], status["error"]) == ([], None)
        assert status["created"] <= status["started"] <= status["ended"] < status["expires"]
        assert status["model"]["name"] == "fake"
        result = await client.get(f"/v1/jobs/{job}/result")
        assert result.headers["x-job-state"] == "succeeded"
        direct = await client.post("/v1/ocr", files=MANY)
        assert result.json()["pages"] == direct.json()["pages"]
        assert result.json()["model"] == direct.json()["model"]


@pytest.mark.parametrize("form", [form for form in MEDIA_TYPES if form not in ("json", "ndjson", "pdf")])
async def test_every_format_is_that_of_a_request(serve_jobs: ServeJobs, form: str) -> None:
    async with serve_jobs() as client:
        job = await submit(client)
        await ended(client, job)
        result = await client.get(f"/v1/jobs/{job}/result", params={"format": form})
        direct = await client.post("/v1/ocr", files=MANY, data={"format": form})
        assert result.content == direct.content
        assert result.headers["content-type"] == direct.headers["content-type"]


async def test_a_pdf_is_made_of_the_upload(serve_jobs: ServeJobs) -> None:
    async with serve_jobs() as client:
        job = await submit(client)
        await ended(client, job)
        result = await client.get(f"/v1/jobs/{job}/result", headers={"Accept": "application/pdf"})
        assert result.content.startswith(b"%PDF-")
        assert result.content.count(b"/Type /Page\n") or b"/Count 6" in result.content


async def test_the_format_is_that_of_the_query_then_accept_then_the_job(serve_jobs: ServeJobs) -> None:
    async with serve_jobs() as client:
        job = await submit(client, format="tsv")
        await ended(client, job)

        async def kind(**how: object) -> str:
            return str((await client.get(f"/v1/jobs/{job}/result", **how)).headers["content-type"]).partition(";")[0]

        assert await kind() == "text/tab-separated-values"
        assert await kind(headers={"Accept": "text/markdown"}) == "text/markdown"
        assert await kind(headers={"Accept": "text/markdown"}, params={"format": "text"}) == "text/plain"


async def test_a_running_job_gives_the_pages_so_far_and_no_end(serve_jobs: ServeJobs) -> None:
    reader = HeldAt(43)
    async with serve_jobs(reader) as client:
        job = await submit(client)
        status = await job_when(client, job, lambda job: job["pages_done"] == 3)
        assert (status["state"], status["pages_total"]) == ("running", 6)
        result = await client.get(f"/v1/jobs/{job}/result")
        assert result.headers["x-job-state"] == "running"
        assert widths(result) == [40, 41, 42]
        lines = await client.get(f"/v1/jobs/{job}/result", headers={"Accept": "application/x-ndjson"})
        assert [json.loads(line).get("width") for line in lines.text.splitlines()] == [40, 41, 42]
        reader.release()
        await ended(client, job)
        lines = await client.get(f"/v1/jobs/{job}/result", headers={"Accept": "application/x-ndjson"})
        assert [json.loads(line).get("width", "end") for line in lines.text.splitlines()] == [*range(40, 46), "end"]


async def test_before_the_first_page_there_is_no_result(serve_jobs: ServeJobs) -> None:
    reader = FakeReader(held=True)
    async with serve_jobs(reader) as client:
        job = await submit(client)
        answer = await client.get(f"/v1/jobs/{job}/result")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_result_yet")
        reader.release()
        await ended(client, job)


async def test_pages_that_fail_are_told_of_and_not_counted_as_read(serve_jobs: ServeJobs) -> None:
    async with serve_jobs() as client:
        job = await submit(client, parts(encoded(), b"no image", encoded()))
        status = await ended(client, job)
        assert (status["state"], status["pages_done"], status["pages_failed"]) == ("succeeded", 2, 1)
        (error,) = status["errors"]
        assert (error["file"], error["page"], error["error"]["code"]) == ("2.png", 1, "unsupported_image_type")
        result = await client.get(f"/v1/jobs/{job}/result")
        assert widths(result) == [40, None, 40]
        assert result.json()["pages"][1]["error"] == error["error"]


@pytest.mark.parametrize(
    ("files", "code", "status"),
    [
        (parts(b"no image"), "unsupported_image_type", 415),
        (parts(b"no image", b"%PDF-nor this"), "no_image_read", 422),
    ],
)
async def test_a_job_of_which_no_page_can_be_read_fails(
    serve_jobs: ServeJobs, caplog: pytest.LogCaptureFixture, files: object, code: str, status: int
) -> None:
    caplog.set_level("INFO", "service.request")
    async with serve_jobs() as client:
        job = await submit(client, files)
        found = await ended(client, job)
        assert (found["state"], found["error"]["code"], found["pages_done"]) == ("failed", code, 0)
        assert found["pages_failed"] == found["pages_total"] == len(found["errors"])
        answer = await client.get(f"/v1/jobs/{job}/result")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert getattr(caplog.records[-1], "code", None) == code
        responses = (await client.get("/openapi.json")).json()["paths"]["/v1/jobs/{id}/result"]["get"]["responses"]
        assert str(status) in responses


async def test_delete_cancels_and_then_removes(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    reader = FakeReader(held=True)
    async with serve_jobs(reader) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["state"] == "running")
        answer = await client.delete(f"/v1/jobs/{job}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        reader.release()
        other = await submit(client, parts(encoded(width=77)))
        await ended(client, other)
        assert sum(read.words for read in reader.calls) <= 5  # those under way, and the other job's
        assert (await client.delete(f"/v1/jobs/{job}")).status_code == 204
        assert (await client.get(f"/v1/jobs/{job}")).status_code == 404
        assert [path.name for path in (tmp_path / "jobs" / "files").iterdir()] == [other]


async def test_many_may_remove_a_job_at_once(serve_jobs: ServeJobs) -> None:
    async with serve_jobs() as client:
        job = await submit(client)
        await ended(client, job)
        answers = await asyncio.gather(*[client.delete(f"/v1/jobs/{job}") for _ in range(8)])
        assert {answer.status_code for answer in answers} <= {204, 404}
        assert 204 in {answer.status_code for answer in answers}


async def test_the_list_has_the_newest_first_in_pages(serve_jobs: ServeJobs) -> None:
    async with serve_jobs() as client:
        jobs = [await submit(client, parts(encoded())) for _ in range(5)]
        found: list[str] = []
        after: dict[str, str] = {}
        for size in (2, 2, 1):
            answer = (await client.get("/v1/jobs", params={"limit": "2", **after})).json()
            assert len(answer["jobs"]) == size
            found += [job["id"] for job in answer["jobs"]]
            after = {"after": answer["next"]}
        assert found == jobs[::-1]
        assert answer["next"] is None


async def test_keys_see_their_own_jobs_alone(serve_jobs: ServeJobs) -> None:
    secrets, lines = zip(*[(secret, key.line()) for secret, key in (new_key(n, ["read"]) for n in "ab")], strict=True)
    mine, other = ({"X-API-Key": secret} for secret in secrets)
    async with serve_jobs(api_keys=";".join(lines)) as client:
        job = await submit(client, parts(encoded()), headers=mine)
        await ended(client, job, **mine)
        for method, path in (("GET", ""), ("GET", "/result"), ("DELETE", "")):
            answer = await client.request(method, f"/v1/jobs/{job}{path}", headers=other)
            assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
        assert (await client.get("/v1/jobs", headers=other)).json()["jobs"] == []
        assert [one["id"] for one in (await client.get("/v1/jobs", headers=mine)).json()["jobs"]] == [job]
        assert (await client.post("/v1/jobs", files=MANY)).status_code == 401


async def test_an_idempotency_key_makes_one_job(serve_jobs: ServeJobs) -> None:
    secrets, lines = zip(*[(secret, key.line()) for secret, key in (new_key(n, ["read"]) for n in "ab")], strict=True)
    mine, other = ({"X-API-Key": secret, "Idempotency-Key": "scan-7"} for secret in secrets)
    async with serve_jobs(api_keys=";".join(lines)) as client:
        both = await asyncio.gather(*[client.post("/v1/jobs", files=MANY, headers=mine) for _ in range(2)])
        assert {answer.status_code for answer in both} <= {202, 409}
        job = await submit(client, MANY, headers=mine)
        assert {answer.json().get("id", job) for answer in both} == {job}
        assert await submit(client, parts(encoded()), 409, headers=mine) == "idempotency_key_in_use"
        assert await submit(client, MANY, headers=other) != job


@pytest.mark.parametrize("key", ["x" * 256, "two words", "\tx", ""])
async def test_an_idempotency_key_is_one_word_of_some_length(serve_jobs: ServeJobs, key: str) -> None:
    async with serve_jobs() as client:
        assert await submit(client, status=422, headers={"Idempotency-Key": key}) == "invalid_request"


async def test_so_many_jobs_may_be_inside(serve_jobs: ServeJobs) -> None:
    reader = FakeReader(held=True)
    async with serve_jobs(reader, jobs_max_inside=2) as client:
        jobs = [await submit(client) for _ in range(2)]
        answer = await client.post("/v1/jobs", files=MANY)
        assert (answer.status_code, answer.json()["code"]) == (429, "overloaded")
        assert int(answer.headers["retry-after"]) > 0
        await client.delete(f"/v1/jobs/{jobs[0]}")
        await submit(client)
        reader.release()


@pytest.mark.parametrize(
    "name", ["0" * 31, "0" * 33, "g" * 32, "..%2f..%2fetc%2fpasswd", "%00", "0" * 10_000, "%2e%2e"]
)
async def test_an_id_is_no_path(serve_jobs: ServeJobs, name: str) -> None:
    async with serve_jobs() as client:
        await submit(client)
        for path in ("", "/result"):
            assert (await client.get(f"/v1/jobs/{name}{path}")).status_code in (404, 422)
        assert (await client.delete(f"/v1/jobs/{name}")).status_code in (404, 405, 422)


@pytest.mark.parametrize(
    ("choices", "code"), [({"model": "other"}, "model_not_served"), ({"preview": "true"}, "invalid_request")]
)
async def test_what_can_never_be_done_is_refused_at_once(
    serve_jobs: ServeJobs, choices: dict[str, str], code: str
) -> None:
    async with serve_jobs() as client:
        assert await submit(client, status=422, **choices) == code
        assert (await client.get("/v1/jobs")).json()["jobs"] == []


async def test_a_job_without_pictures_may_say_so(serve_jobs: ServeJobs) -> None:
    async with serve_jobs() as client:
        for how in ({"params": {"preview": "false"}}, {"data": {"preview": "0"}}):
            assert (await client.post("/v1/jobs", files=MANY, **how)).status_code == 202
        answer = await client.post("/v1/jobs", files=MANY, params={"preview": "true"})
        assert answer.json()["detail"] == "query.preview: must be false: a job gives no pictures"
        document = (await client.get("/openapi.json")).json()
    for name in ("JobForm", "JsonJob"):
        preview = document["components"]["schemas"][name]["properties"]["preview"]
        assert (preview["type"], preview["const"]) == ("boolean", False)


async def test_without_jobs_there_is_no_such_route(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    async with serve_jobs(jobs=False) as client:
        assert (await client.post("/v1/jobs", files=MANY)).status_code == 404
        assert "/v1/jobs" not in (await client.get("/openapi.json")).json()["paths"]
    assert not (tmp_path / "jobs").exists()


async def test_nothing_is_written_before_a_job_comes(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    async with serve_jobs() as client:
        assert (await client.get("/v1/jobs")).json() == {"jobs": [], "next": None}
        assert (await client.get(f"/v1/jobs/{'0' * 32}")).status_code == 404
    assert not (tmp_path / "jobs").exists()
