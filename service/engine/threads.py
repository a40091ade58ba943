"""Threads that nobody waits for at the end: what hangs in native code must not keep the process from ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_thread(work: Callable[[], T], name: str) -> Future[T]:
    """Begin `work` in a daemon thread of its own. Its future cannot be cancelled."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


async def wait_in_thread(work: Callable[[], T], name: str) -> T:
    """Return what `work` gives in a thread for which, unlike with `asyncio.to_thread`, the loop's end does not wait."""
    return await asyncio.wrap_future(in_thread(work, name))
