"""Telling a client's server that its job has ended: signed as Standard Webhooks says, tried again for hours."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from service.engine.threads import wait_in_thread
from service.errors import JobStoreError
from service.jobs.job import Job
from service.jobs.store import JobStore
from service.jobs.urls import is_below
from service.observe.metrics import Metrics
from service.settings import Settings

log = logging.getLogger(__name__)

AT_A_TIME = 4
"""Calls under way: one who is slow to answer does not keep all others waiting."""
PERIOD = 1.0
"""Seconds between two looks for callbacks that are due."""
TIMEOUT = 10.0
"""Seconds that a call may take, however often a byte of its answer comes."""
FIRST_RETRY = 10.0
"""Seconds until the second try; each time twice as many."""
TRIES = 10
"""The last one comes after some 90 minutes."""


class Callbacks:
    """Calls while the service runs. Each replica does; a job is called for by one at a time.

    Args:
        settings: whom to call, and with which secret.
        store: knows what is due.
        metrics: told of what becomes of calls.
        clock: seconds since 1970.
    """

    def __init__(
        self, settings: Settings, store: JobStore, metrics: Metrics, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> None:
        """Call until cancelled."""
        await asyncio.gather(*[self._keep_calling() for _ in range(AT_A_TIME)])

    async def _keep_calling(self) -> None:
        while True:
            called = False
            try:
                called = self._store.is_there() and await self._call_next()
            except JobStoreError:
                pass  # the log says so
            except Exception:
                log.exception("a callback failed")
            if not called:
                await asyncio.sleep(PERIOD)

    async def _call_next(self) -> bool:
        """Call for a job, if one is due."""
        now = self._clock()
        job = await wait_in_thread(lambda: self._store.take_callback(now, now + 2 * TIMEOUT), "jobs")
        if job is None:
            return False
        called = await wait_in_thread(lambda: self._call(job), "callback")
        again = not called and job.callback_tries + 1 < TRIES
        at = self._clock() + FIRST_RETRY * 2**job.callback_tries if again else None
        await wait_in_thread(lambda: self._store.set_callback(job.id, at), "jobs")
        self._metrics.job_callbacks.labels("delivered" if called else "retried" if again else "given_up").inc()
        return True

    def _call(self, job: Job) -> bool:
        """Post what became of a job; blocks. Follows no redirection: where it leads was allowed by nobody."""
        assert job.callback_url is not None
        if not is_below(job.callback_url, self._settings.jobs_callbacks):  # no longer
            return False
        url = urlsplit(job.callback_url)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=TIMEOUT)
        try:
            body = _body(job)
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            with _cut_after(TIMEOUT, connection):
                connection.request("POST", path, body, _headers(job, body, self._clock(), self._secret()))
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError, TypeError) as error:  # or its row cannot be understood
            log.warning("a callback failed: %s", type(error).__name__, extra={"job": job.id})
            return False
        finally:
            connection.close()
        if not 200 <= status < 300:
            log.warning("a callback was answered %d", status, extra={"job": job.id})
        return 200 <= status < 300

    def _secret(self) -> bytes:
        secret = self._settings.jobs_callback_secret.get_secret_value()
        encoded = secret.removeprefix("whsec_")
        return base64.b64decode(encoded) if encoded != secret else secret.encode()


@contextmanager
def _cut_after(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Open a connection and cut it after some time; its own limit begins anew with each address and each byte."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError, AttributeError):  # it has ended, or never began
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        if late.is_set():  # there was nothing to be cut yet
            raise TimeoutError("connecting took too long")
        yield
    finally:
        timer.cancel()


def _body(job: Job) -> bytes:
    kept = {"id": job.id, "state": job.state, "pages_total": job.pages_total}
    return json.dumps(
        {"type": "job.ended", "data": {**kept, "pages_done": job.pages_done, "pages_failed": job.pages_failed}}
    ).encode()


def _headers(job: Job, body: bytes, now: float, secret: bytes) -> dict[str, str]:
    signed = f"{job.id}.{int(now)}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "Webhook-Id": job.id,
        "Webhook-Timestamp": str(int(now)),
        "Webhook-Signature": f"v1,{signature}",
    }
