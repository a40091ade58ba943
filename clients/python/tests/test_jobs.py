"""Jobs over connections that lose answers: nothing is removed that was not to be, and no job is lost."""

from __future__ import annotations

import httpx
import pytest
from prepared import Service, Step, async_client_of, client_of, job, problem

from ocr_client import DeadlineExceededError, Job, OcrError, RequestError, TransportError

LOST = httpx.ReadError("reset")
GONE = problem(404, "job_not_found")
REMOVED = httpx.Response(204)
TAKEN = httpx.Response(202, json={"id": "j", "state": "queued"})
WAS_RUNNING, HAD_ENDED = (Job.of(job(state).json()) for state in ("running", "succeeded"))
CANCELLATIONS = [
    ("j", [LOST, job("cancelled")], "DELETE GET"),
    (WAS_RUNNING, [LOST, job("cancelled")], "DELETE GET"),
    ("j", [problem(503, "not_ready"), job("cancelled")], "DELETE GET"),
    ("j", [LOST, LOST, job("running"), job("cancelled")], "DELETE GET GET DELETE"),
    ("j", [LOST, job("queued"), LOST, job("cancelled")], "DELETE GET DELETE GET"),
    ("j", [LOST, GONE], "DELETE GET"),
    ("j", [httpx.ConnectError("refused"), REMOVED], "DELETE DELETE"),
    ("j", [problem(429, "overloaded"), REMOVED], "DELETE DELETE"),
    ("j", [LOST, job("running"), httpx.ConnectError("refused"), job("cancelled")], "DELETE GET DELETE GET"),
    (HAD_ENDED, [LOST, GONE], "DELETE GET"),
    (HAD_ENDED, [LOST, job("succeeded"), GONE], "DELETE GET DELETE"),
    (HAD_ENDED, [LOST, job("succeeded"), REMOVED], "DELETE GET DELETE"),
]


@pytest.mark.parametrize(("which", "steps", "asked"), CANCELLATIONS)
def test_a_job_is_looked_at_before_it_is_cancelled_again(
    which: Job | str, steps: list[Step], asked: str, waits: list[float]
) -> None:
    service = Service(*steps)
    client_of(service).cancel(which)
    assert " ".join(request.method for request in service.asked) == asked


@pytest.mark.anyio
@pytest.mark.parametrize(("which", "steps", "asked"), CANCELLATIONS)
async def test_the_other_client_looks_as_well(
    which: Job | str, steps: list[Step], asked: str, waits: list[float]
) -> None:
    service = Service(*steps)
    await async_client_of(service).cancel(which)
    assert " ".join(request.method for request in service.asked) == asked


@pytest.mark.anyio
@pytest.mark.parametrize("which", ["j", WAS_RUNNING])
async def test_what_was_read_is_not_removed_by_a_guess(which: Job | str, waits: list[float]) -> None:
    service = Service(LOST, job("succeeded"))
    with pytest.raises(TransportError, match="reset"):
        client_of(service).cancel(which)
    other = Service(LOST, job("failed"))
    with pytest.raises(TransportError, match="reset"):
        await async_client_of(other).cancel(which)
    assert [request.method for request in service.asked + other.asked] == ["DELETE", "GET"] * 2


@pytest.mark.parametrize("steps", [[GONE], [LOST, problem(404, "http_404")]])
def test_what_was_never_there_is_told(steps: list[Step], waits: list[float]) -> None:
    with pytest.raises(RequestError):
        client_of(Service(*steps)).cancel("j")


@pytest.mark.anyio
async def test_a_job_that_was_taken_is_told_though_the_look_at_it_fails() -> None:
    steps = TAKEN, problem(500, "backend_error")
    with pytest.raises(OcrError, match="job j was taken") as caught:
        client_of(Service(*steps)).submit(b"x", key="mine")
    with pytest.raises(OcrError, match="job j was taken") as other:
        await async_client_of(Service(*steps)).submit(b"x", key="mine")
    for error in (caught.value, other.value):
        assert (error.job_id, error.idempotency_key) == ("j", "mine")


@pytest.mark.anyio
async def test_a_submission_without_an_answer_tells_its_key(waits: list[float]) -> None:
    service = Service(LOST)
    with pytest.raises(TransportError) as caught:
        client_of(service).submit(b"x")
    with pytest.raises(TransportError) as other:
        await async_client_of(service).submit(b"x")
    sent = [request.headers["idempotency-key"] for request in service.asked]
    assert [caught.value.idempotency_key, other.value.idempotency_key] == [sent[0], sent[-1]]
    assert (caught.value.job_id, len(set(sent))) == (None, 2)


def test_a_submission_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ocr_client.retries.time.monotonic", lambda: now[0])

    class Late(Service):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            now[0] += 6
            return super().__call__(request)

    service = Late(TAKEN, job("queued"))
    client_of(service).submit(b"x", timeout=20)
    assert service.asked[1].extensions["timeout"]["read"] == 14


@pytest.mark.parametrize("name", ["../../version", "a\nb", "a?b", "a/../b", "%2e%2e"])
def test_an_id_names_no_other_address(name: str) -> None:
    service = Service(job("running"))
    client_of(service).job(name)
    path = service.asked[0].url.raw_path.decode()
    assert path.startswith("/v1/jobs/")
    assert path.count("/") == 3
    assert service.asked[0].url.path == "/v1/jobs/" + name


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_is_no_id_is_told(name: str) -> None:
    service = Service(job("running"))
    for ask in (client_of(service).job, client_of(service).cancel, client_of(service).result):
        with pytest.raises(ValueError, match="is no id of a job"):
            ask(name)
    assert not service.asked


@pytest.mark.anyio
@pytest.mark.parametrize("overall", [None, 5.0, 60.0])
async def test_a_look_takes_no_longer_than_the_wait(overall: float | None) -> None:
    service = Service(httpx.ReadTimeout("silent"))
    with pytest.raises(DeadlineExceededError):
        client_of(service, timeout=overall).wait("j", timeout=20)
    with pytest.raises(DeadlineExceededError):
        await async_client_of(service, timeout=overall).wait("j", timeout=20)
    assert all(0 < request.extensions["timeout"]["read"] <= min(20, overall or 20) for request in service.asked)


@pytest.mark.anyio
@pytest.mark.parametrize("last", [httpx.ReadTimeout("silent"), LOST, problem(503, "not_ready", retry_after="9"), GONE])
async def test_a_wait_that_is_over_returns_what_was_seen_last(last: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ocr_client.retries.time.monotonic", lambda: now[0])

    def sleep(seconds: float) -> None:
        now[0] += seconds

    async def later(seconds: float) -> None:
        sleep(seconds)

    monkeypatch.setattr("ocr_client.synchronous.sleep", sleep)
    monkeypatch.setattr("ocr_client.asynchronous.anyio.sleep", later)
    steps = job("running"), job("running"), last
    if last is GONE:
        with pytest.raises(RequestError):
            client_of(Service(*steps)).wait("j", timeout=2.5)
        return
    assert client_of(Service(*steps)).wait("j", timeout=2.5).state == "running"
    now[0] = 0
    assert (await async_client_of(Service(*steps)).wait("j", timeout=2.5)).state == "running"
    now[0] = 0
    with pytest.raises(OcrError):
        client_of(Service(*steps)).wait("j", timeout=1000)
