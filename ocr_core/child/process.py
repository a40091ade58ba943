"""This side's end of a child process: starts it, asks it, and kills it when it takes too long."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ocr_core.child import wire

Check = Callable[[], None]
"""Called a few times a second while somebody waits; raises when the wait has become pointless."""

_POLL_MS = 50
_MAX_HEADER = 64 << 20
"""Bytes of an answer's description. Two hundred thousand pictures take half of it."""
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_START = "import sys; sys.path += sys.argv[2:]; from importlib import import_module; import_module(sys.argv[1]).main()"


class ProcessDiedError(Exception):
    """The process ended in the middle of an answer, or gave one that makes no sense."""


class OutOfTimeError(Exception):
    """The process took too long and was killed."""


class ChildProcess:
    """A process that serves one caller. Every request may end it; `alive` tells.

    Args:
        module: its `main` is what runs there.
        package: what that imports beside ours and the standard library.
    """

    def __init__(self, module: str, package: str) -> None:
        # Isolated, without site: neither the environment nor a .pth file decides what runs there, and none of this
        # process's secrets are handed on.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, module, _folder_of("ocr_core"), _folder_of(package)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=os.sep,
            env={name: os.environ[name] for name in _LIBRARY_PATHS if name in os.environ},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        for pipe in (self._requests, self._answers):
            os.set_blocking(pipe.fileno(), False)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(
        self, request: dict[str, Any], data: bytes = b"", *, limit: int, seconds: float, check: Check | None = None
    ) -> tuple[dict[str, Any], bytearray]:
        """Send a request and return the answer: an object and at most `limit` bytes.

        Args:
            request: may say in `seconds` how long it may compute, if that is less than it may take.
            data: goes with it.
            limit: bytes that may come with the answer.
            seconds: how long it may take.
            check: called while waiting.

        Raises:
            ProcessDiedError: it crashed or ran out of memory.
            OutOfTimeError: `seconds` have passed.
            Exception: what `check` raises. The process is killed then too: nobody knows how long it would go on.
        """
        wait = _Wait(seconds, check)
        with self._killed_on_failure():
            self._request(request, data, seconds, wait)
            return self._answer(limit, wait)

    def ask_for_pieces(
        self, request: dict[str, Any], *, limit: int, seconds: float, check: Check | None = None
    ) -> Iterator[tuple[dict[str, Any], bytearray]]:
        """Send a request and give what answers it, of at most `limit` bytes each; the last of it has no `more`.

        Raises:
            Exception: as `ask` does.
        """
        wait = _Wait(seconds, check)
        with self._killed_on_failure():
            self._request(request, b"", seconds, wait)
            more = True
            while more:
                answer, piece = self._answer(limit, wait)
                more = "more" in answer
                yield answer, piece

    def kill(self) -> None:
        """End it, whatever it does, and free what it takes."""
        self._process.kill()
        self._process.wait()
        self._requests.close()
        self._answers.close()

    @contextmanager
    def _killed_on_failure(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, RecursionError) as error:
            self.kill()
            raise ProcessDiedError(str(error)) from error
        except BaseException:
            self.kill()
            raise

    def _request(self, request: dict[str, Any], data: bytes, seconds: float, wait: _Wait) -> None:
        self._send(wire.pack({"seconds": seconds, **request}, len(data)), wait)
        self._send(data, wait)

    def _answer(self, limit: int, wait: _Wait) -> tuple[dict[str, Any], bytearray]:
        header, payload = wire.lengths(self._receive(wire.HEAD, wait))
        if header > _MAX_HEADER or payload > limit:
            raise ProcessDiedError(f"an answer of {header} and {payload} bytes")
        answer = json.loads(bytes(self._receive(header, wait)))
        if not isinstance(answer, dict):
            raise ProcessDiedError("an answer that is none")
        return answer, self._receive(payload, wait)

    def _send(self, data: bytes, wait: _Wait) -> None:
        view = memoryview(data)
        while view:
            wait.until(self._requests.fileno(), select.POLLOUT)
            view = view[os.write(self._requests.fileno(), view) :]

    def _receive(self, size: int, wait: _Wait) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            wait.until(self._answers.fileno(), select.POLLIN)
            count = os.readv(self._answers.fileno(), [view])
            if not count:
                raise ProcessDiedError(f"it ended with {self._process.wait()}")
            view = view[count:]
        return data


class _Wait:
    """Waits for a pipe, no longer than the seconds of one request."""

    def __init__(self, seconds: float, check: Check | None) -> None:
        self._end = time.monotonic() + seconds
        self._check = check

    def until(self, pipe: int, event: int) -> None:
        poll = select.poll()  # select() knows no descriptors beyond 1,023
        poll.register(pipe, event)
        while True:
            if self._check is not None:
                self._check()
            left = self._end - time.monotonic()
            if left <= 0:
                raise OutOfTimeError
            if poll.poll(min(_POLL_MS, 1000 * left)):
                return


def _folder_of(package: str) -> str:
    """Return the folder from which `package` is imported; the package itself stays unloaded."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return str(Path(spec.origin).parents[1])
