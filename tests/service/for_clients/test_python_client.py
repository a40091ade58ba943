"""`ocr_client` against the real application over a real socket."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import get_args, get_type_hints

import httpx
import numpy as np
import pytest
from pdfs import scan
from service_fakes import DIGEST, FakeReader, encoded, two_lines, until
from service_sockets import listening

from ocr_client import (
    AccessError,
    AsyncClient,
    Client,
    DeadlineExceededError,
    FileError,
    Format,
    Options,
    OverloadedError,
    RequestError,
    Retries,
    ServiceError,
    TransportError,
    Upload,
)
from ocr_client.errors import error_of
from ocr_client.requests import MEDIA_TYPES
from ocr_core.formats.registry import FORMATS
from ocr_core.pipeline.result import Page, ReadOptions
from service.http.problems import CODES
from service.http.schemas import ReadFields

IMAGE = encoded()
ONCE = Retries(times=0)


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url, retries=ONCE, timeout=30) as one:
        yield one


def test_files_are_read(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(IMAGE)
    answer = client.read(path, IMAGE, Upload("broken.jpg", b"nothing"), words=True, min_confidence=0.9)
    first, second, third = answer.pages
    assert [page.file for page in answer.pages] == ["a.png", "image-2", "broken.jpg"]
    assert (first.width, first.height, first.rotation, first.number) == (40, 30, 0, 1)
    assert [line.text for line in first.lines] == ["Total 12.95"]
    assert first.lines[0].polygon[0] == (1.0, 2.0)
    assert [word.text for word in second.lines[0].words] == ["Total"]
    assert third.error is not None
    assert (third.error.code, third.lines) == ("unsupported_image_type", ())
    assert (answer.model.name, answer.model.digest) == ("fake", DIGEST)
    assert answer.timings_ms["total"] > 0
    assert answer.text == "Total 12.95\n\nTotal 12.95\n\n"


@pytest.mark.parametrize("form", get_args(Format))
def test_every_format(client: Client, form: Format) -> None:
    made = client.convert(IMAGE, to=form)  # type: ignore[call-overload]
    assert ("Total" in made) if isinstance(made, str) else made.startswith(b"%PDF")
    assert isinstance(made, bytes) == (form == "pdf")


def test_a_format_that_there_is_not_is_told_with_those_that_there_are(client: Client) -> None:
    for call in (partial(client.convert, IMAGE), partial(client.result, "0" * 32)):
        with pytest.raises(ValueError, match="no such format: 'docx'; there are text, markdown, tsv, hocr, alto, pdf"):
            call(to="docx")


def test_the_client_knows_every_format_and_option() -> None:
    assert set(get_args(Format)) == set(FORMATS)
    types = {each.name: each.media_type.partition(";")[0] for each in FORMATS.values()}
    assert types == MEDIA_TYPES
    # A program draws pages itself; `preview` is for browsers.
    assert get_type_hints(Options).keys() == ReadFields.model_fields.keys() - {"format", "preview"}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_class(code: str) -> None:
    """Codes of statuses that speak of files or of requests are told apart by name, so each one is looked at."""
    asked = {"invalid_pages", "invalid_request", "model_not_served", "too_many_images", "unsupported_content_type"}
    body = f'{{"code": "{code}", "status": 422, "detail": ""}}'.encode()
    assert type(error_of(422, {}, body)) is (RequestError if code in asked else FileError)


def test_pages_come_as_they_are_read() -> None:
    second_may = threading.Event()
    pages_begun = []

    def page(pixels: np.ndarray, options: ReadOptions) -> Page:
        pages_begun.append(1)
        if len(pages_begun) > 1:
            assert second_may.wait(30)
        return two_lines(pixels, options)

    reader = FakeReader(page)
    with listening(reader) as url, Client(url) as client, client.stream(scan(3)) as pages:
        first = next(pages)
        assert (first.number, first.text) == (1, "Total 12.95\nsmudge")
        assert pages.end is None
        second_may.set()
        assert [one.number for one in pages] == [2, 3]
        assert pages.end is not None
        assert (pages.end.pages, pages.end.failed) == (3, 0)


def in_progress(url: str) -> str:
    metrics = httpx.get(f"{url}/metrics").text
    return next(line for line in metrics.splitlines() if line.startswith("ocr_requests_in_progress "))


def test_whoever_leaves_a_stream_ends_the_work(url: str, client: Client) -> None:
    with client.stream(scan(9)) as pages:
        next(pages)
    until(lambda: in_progress(url).endswith(" 0.0"))


def test_problems_are_errors(client: Client) -> None:
    with pytest.raises(FileError) as unread:
        client.read(b"nothing")
    assert unread.value.code == "unsupported_image_type"
    assert unread.value.request_id
    with pytest.raises(FileError) as all_unread:
        client.read(b"nothing", b"nothing", b"nothing")
    assert (all_unread.value.code, len(all_unread.value.pages)) == ("no_image_read", 3)
    with pytest.raises(RequestError) as unserved:
        client.read(IMAGE, model="other")
    assert unserved.value.code == "model_not_served"
    with pytest.raises(RequestError) as invalid:
        client.read(IMAGE, min_confidence=7)
    assert invalid.value.fields[0]["loc"] == ["body", "min_confidence"]
    with pytest.raises(RequestError) as nowhere, client.stream(scan(2), pages="7"):
        pass
    assert nowhere.value.code == "invalid_pages"


def test_keys(url: str) -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    with listening(api_keys=f"me read {digest}") as guarded:
        with Client(guarded, api_key="secret") as known:
            assert known.read(IMAGE).text
        with Client(guarded) as stranger, pytest.raises(AccessError) as caught:
            stranger.read(IMAGE)
        assert (caught.value.code, caught.value.status) == ("unauthorized", 401)


def test_overload_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, waits = FakeReader(held=True), []
    with listening(reader, max_concurrent_requests=1) as url, Client(url) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.read, IMAGE)
        assert reader.started.acquire(timeout=30)
        with Client(url, retries=ONCE) as hasty, pytest.raises(OverloadedError) as caught:
            hasty.read(IMAGE)
        assert caught.value.retry_after is not None
        told = caught.value.retry_after

        def wait(seconds: float) -> None:
            waits.append(seconds)
            reader.release()
            first.result(30)

        monkeypatch.setattr("ocr_client.synchronous.sleep", wait)
        assert client.read(IMAGE).text == "Total 12.95\nsmudge"
        assert len(waits) == 1
        assert told <= waits[0] <= told * 1.25


def test_a_call_ends_with_its_time() -> None:
    reader = FakeReader(held=True)
    with listening(reader) as url, Client(url) as client, pytest.raises(DeadlineExceededError):
        client.read(IMAGE, timeout=0.3)


def test_who_serves(url: str, client: Client) -> None:
    assert client.ready()
    assert [(model.name, model.state) for model in client.models()] == [("fake", "ready")]
    assert client.version()
    with Client("http://127.0.0.1:9", retries=ONCE) as nobody:
        assert not nobody.ready()
        with pytest.raises(TransportError):
            nobody.version()


@pytest.mark.anyio
async def test_the_other_client_does_the_same(url: str) -> None:
    async with AsyncClient(url, retries=ONCE, timeout=30) as client:
        answer = await client.read(IMAGE, Upload("b.png", IMAGE), words=True)
        assert [page.file for page in answer.pages] == ["image-1", "b.png"]
        assert await client.convert(IMAGE, to="markdown") == "Total 12.95\\\nsmudge\n"
        assert (await client.convert(IMAGE, to="pdf")).startswith(b"%PDF")
        async with client.stream(scan(3), pages="2-") as pages:
            assert [page.number async for page in pages] == [2, 3]
        assert pages.end is not None
        with pytest.raises(FileError):
            await client.read(b"nothing")
        with pytest.raises(ValueError, match="no such format: 'docx'"):
            await client.convert(IMAGE, to="docx")  # type: ignore[call-overload]
        with pytest.raises(ServiceError):
            await client.read(IMAGE, model="other")
        assert await client.ready()
        assert (await client.models())[0].digest == DIGEST
        assert await client.version()


@pytest.mark.anyio
async def test_a_call_of_the_other_client_ends_with_its_time() -> None:
    reader = FakeReader(held=True)
    with listening(reader) as url:
        async with AsyncClient(url) as client:
            with pytest.raises(DeadlineExceededError):
                await client.read(IMAGE, timeout=0.3)


@pytest.mark.parametrize("form", [None, *get_args(Format)])
def test_a_job_is_submitted_waited_for_and_removed(client: Client, form: Format | None) -> None:
    job = client.submit(Upload("a.png", IMAGE), Upload("broken.jpg", b"nothing"), words=True)
    ended = client.wait(job)
    assert (ended.id, ended.state, ended.ended) == (job.id, "succeeded", True)
    assert (ended.pages_total, ended.pages_done, ended.pages_failed) == (2, 1, 1)
    assert (ended.errors[0].file, ended.errors[0].error.code) == ("broken.jpg", "unsupported_image_type")
    if form is None:
        assert [page.file for page in client.result(job).pages] == ["a.png", "broken.jpg"]
    else:
        assert client.result(job.id, to=form)
    client.cancel(job)
    with pytest.raises(RequestError, match="no such job"):
        client.job(job)


def test_a_key_of_ones_own_names_one_job(client: Client) -> None:
    jobs = [client.submit(Upload("a.png", IMAGE), key="scan-7") for _ in range(2)]
    assert len({job.id for job in jobs}) == 1


def test_a_job_of_which_nothing_can_be_read_says_why(client: Client) -> None:
    job = client.wait(client.submit(b"nothing"))
    assert job.error is not None
    assert (job.state, job.error.code) == ("failed", "unsupported_image_type")
    with pytest.raises(FileError):
        client.result(job)


class Lossy(httpx.HTTPTransport):
    """Carries out what it is asked, and loses the answer to every first DELETE of two."""

    lost = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method != "DELETE":
            return response
        self.lost = not self.lost
        if not self.lost:
            return response
        response.close()
        raise httpx.ReadError("reset", request=request)


def test_a_cancellation_whose_answer_is_lost_removes_nothing_that_was_read(tmp_path: Path) -> None:
    reader = FakeReader(held=True)
    with (
        listening(reader, jobs_folder=tmp_path) as url,
        httpx.Client(transport=Lossy()) as http,
        Client(url, http=http) as client,
    ):
        job = client.submit(Upload("a.png", IMAGE))
        assert reader.started.acquire(timeout=30)
        client.cancel(job)
        reader.release()
        cancelled = client.job(job)
        assert cancelled.state == "cancelled"
        http.delete(f"{url}/v1/jobs/none")  # the next one is lost again
        client.cancel(cancelled)
        with pytest.raises(RequestError, match="no such job"):
            client.job(job)


@pytest.mark.anyio
async def test_jobs_as_coroutines(url: str) -> None:
    async with AsyncClient(url, retries=ONCE, timeout=30) as client:
        job = await client.submit(Upload("a.png", IMAGE))
        assert (await client.wait(job, timeout=30)).state == "succeeded"
        assert (await client.result(job)).text == "Total 12.95\nsmudge"
        assert await client.result(job, to="text")
        await client.cancel(job)
        with pytest.raises(RequestError):
            await client.job(job.id)
