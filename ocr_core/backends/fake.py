"""A backend for tests: networks are plain functions, and what they were fed is recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ocr_core.backends.base import Policy, Result, Role, Tensor
from ocr_core.errors import BackendError

Function = Callable[[Tensor], Tensor]


class FakeNetwork:
    """Calls a function; `shapes` lists every input's shape in the order of the calls."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._lock = threading.Lock()
        self.shapes: list[tuple[int, ...]] = []
        self.closed = False

    def __call__(self, batch: Tensor) -> Tensor:
        """Compute the output for `batch` (N×C×H×W)."""
        if self.closed:
            raise BackendError("the network is closed")
        with self._lock:
            self.shapes.append(batch.shape)
        return self._function(batch)

    def reduce(self, batch: Tensor, function: Callable[[Tensor], Result]) -> Result:
        """Apply `function` to the output for `batch`."""
        return function(self(batch))

    def close(self) -> None:
        """Refuse further calls."""
        self.closed = True


class FakeBackend:
    """Gives each role the function it was made with, whatever the file."""

    name = "fake"
    provider = "fake"

    def __init__(self, functions: Mapping[Role, Function], policy: Policy | None = None) -> None:
        self.policy = policy or Policy(streams=1, threads=1, max_batch=1)
        self.networks: dict[Role, FakeNetwork] = {role: FakeNetwork(f) for role, f in functions.items()}

    def load(self, path: Path, role: Role) -> FakeNetwork:  # noqa: ARG002
        """Return the network of that role; the file is not looked at."""
        return self.networks[role]
