"""The client for programs of asyncio or trio: `Client` as coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import anyio
import anyio.to_thread
import httpx

from ocr_client.errors import (
    DeadlineExceededError,
    OcrError,
    RequestError,
    TransportError,
    UnavailableError,
    error_of,
)
from ocr_client.jobs import JOBS, POLL, Job, fate, is_gone, is_late, key_of, known, may_be_done, path_of, submitted
from ocr_client.limits import limits_of
from ocr_client.pages import Answer, Model
from ocr_client.requests import (
    JSON,
    LINES,
    READ,
    File,
    Form,
    Format,
    Options,
    answer_of,
    explained,
    form_of,
    headers_of,
    in_time,
    media_type_of,
    models_of,
    require_media_type,
    service_at,
    text_of,
    version_of,
)
from ocr_client.retries import Deadline, Retries
from ocr_client.streams import AsyncPageStream

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

T = TypeVar("T")


class AsyncClient:
    """Reads through the service at `url`; close it, or use it in an `async with`.

    Args:
        url: of the service, such as `http://localhost:8000`.
        api_key: where the service asks for one.
        timeout: seconds that a call may take, all tries included; calls may name their own. None: as long as the
            service allows.
        retries: how often to try again.
        http: an `httpx.AsyncClient` of your own, for proxies and certificates; it stays open.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        *,
        api_key: str | None = None,
        timeout: float | None = None,
        retries: Retries | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._url = service_at(url)
        self._headers = headers_of(api_key)
        self._timeout = timeout
        self._retries = retries or Retries()
        self._own = http is None
        self._http = http or httpx.AsyncClient()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._own:
            await self._http.aclose()

    async def read(self, *files: File, timeout: float | None = None, **options: Unpack[Options]) -> Answer:
        """Return the pages of files, as `Client.read` does."""
        return answer_of(await self._post(files, options, None, timeout), Answer.of)

    @overload
    async def convert(
        self, *files: File, to: Literal["pdf"], timeout: float | None = None, **options: Unpack[Options]
    ) -> bytes: ...

    @overload
    async def convert(
        self,
        *files: File,
        to: Literal["text", "markdown", "tsv", "hocr", "alto"],
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> str: ...

    async def convert(
        self, *files: File, to: Format, timeout: float | None = None, **options: Unpack[Options]
    ) -> str | bytes:
        """Return files in another form, as `Client.convert` does."""
        body = await self._post(files, options, to, timeout)
        return body if to == "pdf" else text_of(body)

    @asynccontextmanager
    async def stream(
        self, *files: File, timeout: float | None = None, **options: Unpack[Options]
    ) -> AsyncIterator[AsyncPageStream]:
        """Give the pages one by one, as `Client.stream` does.

        async with client.stream("scan.pdf") as pages:
            async for page in pages:
                print(page.number, page.text)
        """
        deadline = self._deadline(timeout)
        form = await _formed(files, options)

        async def opened() -> tuple[AsyncPageStream, AsyncExitStack]:
            async with AsyncExitStack() as stack:
                with in_time(deadline):
                    response = await stack.enter_async_context(self._opened("POST", READ, deadline, form, LINES))
                pages = AsyncPageStream(response, deadline)
                stack.push_async_callback(pages.aclose)
                return pages, stack.pop_all()

        pages, stack = await self._tried(opened, deadline)
        async with stack:
            yield pages

    async def submit(
        self, *files: File, key: str | None = None, timeout: float | None = None, **options: Unpack[Options]
    ) -> Job:
        """Have files read by a job, which outlives this program.

        Args:
            files: what to read.
            key: an idempotency key of your own: a job that was submitted with it before is returned.
            timeout: seconds that the call may take.
            options: as of `read`.

        Raises:
            OcrError: the job was not taken, or not seen to be; `idempotency_key` says what to send again. With
                `job_id` it was taken, and only the look at it failed.
        """
        deadline, form = self._deadline(timeout), await _formed(files, options)
        key = key_of(key)
        head = {"Idempotency-Key": key}
        with known(key):
            body = await self._tried(lambda: self._fetch("POST", JOBS, deadline, form, head=head), deadline)
            name = answer_of(body, submitted)
        with known(key, name):
            return answer_of(await self._get(path_of(name), deadline), Job.of)

    async def job(self, job: Job | str, *, timeout: float | None = None) -> Job:
        """Return how far a job is, which may be named by its id."""
        return answer_of(await self._get(path_of(job), self._deadline(timeout)), Job.of)

    async def wait(self, job: Job | str, *, timeout: float | None = None) -> Job:
        """Wait until a job has ended, or for so many seconds; return how far it is then.

        Raises:
            DeadlineExceededError: the service was silent when it was first asked, for that time or that of the client.
            OcrError: there is no such job, or the service is gone.
        """
        deadline = Deadline(timeout)
        found: Job | None = None
        while True:
            try:
                found = await self.job(job, timeout=deadline.within(self._timeout))
            except OcrError as error:
                if found is None or not is_late(error, deadline):
                    raise
                return found
            if found.ended or not deadline.allows(POLL):
                return found
            await anyio.sleep(POLL)

    @overload
    async def result(self, job: Job | str, *, to: None = None, timeout: float | None = None) -> Answer: ...

    @overload
    async def result(self, job: Job | str, *, to: Literal["pdf"], timeout: float | None = None) -> bytes: ...

    @overload
    async def result(
        self,
        job: Job | str,
        *,
        to: Literal["text", "markdown", "tsv", "hocr", "alto"],
        timeout: float | None = None,
    ) -> str: ...

    async def result(
        self, job: Job | str, *, to: Format | None = None, timeout: float | None = None
    ) -> Answer | str | bytes:
        """Return the pages that a job has read so far, or these in a format.

        Raises:
            FileError: none could be read.
            OcrError: none was read yet, or there is no such job.
        """
        deadline = self._deadline(timeout)
        media_type = media_type_of(to)
        path = path_of(job, result=True)
        body = await self._tried(lambda: self._fetch("GET", path, deadline, media_type=media_type), deadline)
        if to is None:
            return answer_of(body, Answer.of)
        return body if to == "pdf" else text_of(body)

    async def cancel(self, job: Job | str, *, timeout: float | None = None) -> None:
        """End work on a job. One that has ended is removed, with what was read.

        Where its answer is lost the job is looked at before it is tried again, and nothing is removed by a guess.

        Raises:
            OcrError: there is no such job, or the answer was lost and the job has ended by itself. It is there still;
                a `Job` that is known to have ended is removed nevertheless.
        """
        deadline = self._deadline(timeout)
        lost: OcrError | None = None

        async def attempt() -> OcrError | None:
            nonlocal lost
            if lost is not None and (seen := fate(job, await self._found(job, deadline))) != "again":
                return lost if seen == "unknown" else None
            try:
                await self._fetch("DELETE", path_of(job), deadline)
            except OcrError as error:
                if lost is not None and is_gone(error):  # the one whose answer was lost came through after the look
                    return None
                lost = error if may_be_done(error) else lost
                raise
            return None

        if (error := await self._tried(attempt, deadline)) is not None:
            raise error

    async def models(self, *, timeout: float | None = None) -> list[Model]:
        """Return the models that the service has loaded."""
        return answer_of(await self._get("/v1/models", self._deadline(timeout)), models_of)

    async def version(self, *, timeout: float | None = None) -> str:
        """Return the version of the service."""
        return answer_of(await self._get("/version", self._deadline(timeout)), version_of)

    async def ready(self, *, timeout: float | None = None) -> bool:
        """Tell whether the service would read now; asked once. False too if it does not say so in time."""
        try:
            await self._fetch("GET", "/readyz", self._deadline(timeout))
        except (DeadlineExceededError, TransportError, UnavailableError):
            return False
        return True

    async def _post(self, files: Sequence[File], options: Options, to: Format | None, timeout: float | None) -> bytes:
        deadline = self._deadline(timeout)
        form = await _formed(files, options, to)
        return await self._tried(lambda: self._fetch("POST", READ, deadline, form, media_type_of(to)), deadline)

    async def _get(self, path: str, deadline: Deadline) -> bytes:
        return await self._tried(lambda: self._fetch("GET", path, deadline), deadline)

    async def _found(self, job: Job | str, deadline: Deadline) -> Job | None:
        try:
            return answer_of(await self._fetch("GET", path_of(job), deadline), Job.of)
        except RequestError as error:
            if is_gone(error):
                return None
            raise

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    async def _tried(self, attempt: Callable[[], Awaitable[T]], deadline: Deadline) -> T:
        """Return what `attempt` gives, tried as often as is worth it."""
        tries = 0
        while True:
            try:
                return await attempt()
            except OcrError as error:
                tries += 1
                wait = self._retries.wait(error, tries)
                if wait is None or not deadline.allows(wait):
                    raise
            await anyio.sleep(wait)

    async def _fetch(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        form: Form | None = None,
        media_type: str = JSON,
        head: Mapping[str, str] | None = None,
    ) -> bytes:
        with in_time(deadline):
            async with self._opened(method, path, deadline, form, media_type, head) as response:
                with explained():
                    return await response.aread()

    @asynccontextmanager
    async def _opened(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        form: Form | None,
        media_type: str,
        told_too: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request and give its answer, if it is one, before its body."""
        limits, told = limits_of(deadline)
        body: dict[str, Any] = form.sent(deadline) if form else {}
        steps: dict[str, Any] = {"timeout": limits}
        head = {**self._headers, "Accept": media_type, **told, **(told_too or {})}
        async with AsyncExitStack() as stack:
            with explained():
                # Not even a client of the caller's follows to another address: the key would go there too.
                sent = self._http.stream(
                    method, self._url + path, headers=head, extensions=steps, follow_redirects=False, **body
                )
                response = await stack.enter_async_context(sent)
                if not response.is_success:
                    raise error_of(response.status_code, response.headers, await response.aread())
                if response.status_code != httpx.codes.NO_CONTENT:
                    require_media_type(response.headers, media_type)
            yield response


async def _formed(files: Sequence[File], options: Options, to: Format | None = None) -> Form:
    return await anyio.to_thread.run_sync(partial(form_of, files, options, to=to))
