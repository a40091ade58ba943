"""OpenVINO, whose CPU plugin computes with oneDNN (formerly MKL-DNN): the default on a CPU.

One inference a core, several side by side: an inference spread over many threads waits at every layer for the slowest.
Networks are compiled once for any height and width; the kernels of each shape are cached by the plugin, within a bound.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from ocr_core.backends.base import Policy, Result, Role, Tensor
from ocr_core.errors import BackendError

KERNEL_CACHE: Mapping[Role, int] = {"detector": 0, "recognizer": 2000, "classifier": 100, "second": 2000}
"""Kernels kept for each stream. A recognizer meets the same few widths all the time and gains a quarter by them; a
detector gains a tenth, only where page sizes alternate, and would keep 150 MB for it."""

PRECISION = "INFERENCE_PRECISION_HINT"

# oneDNN keeps kernels of its own below, 1024 by default, to which the same applies. It reads this when first used.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256")

# The first call of this, which every inference makes, must not be made by two threads at once: one makes a table and
# waits for the GIL, the other has the GIL and waits for the table, and the process stands still (OpenVINO 2026.4).
openvino.Type.f32.to_dtype()


class OpenVinoNetwork:
    """A compiled network and its idle inference requests, one a stream; a caller waits for a free one."""

    def __init__(self, compiled: Any, streams: int) -> None:
        self.precision: str = compiled.get_property(PRECISION).to_string()
        """Numbers that it computes in, `f32` or `bf16`."""
        self._idle: list[Any] = [compiled.create_infer_request() for _ in range(streams)]
        self._closed = False
        self._changed = threading.Condition()

    def __call__(self, batch: Tensor) -> Tensor:
        """Compute the output for `batch` (N×C×H×W)."""
        return self.reduce(batch, np.array)

    def reduce(self, batch: Tensor, function: Callable[[Tensor], Result]) -> Result:
        """Apply `function` to the output for `batch`, which it must not keep."""
        with self._request() as request:
            try:
                request.infer({0: batch}, share_inputs=True)
            except RuntimeError as error:
                raise BackendError(f"OpenVINO failed on an input of shape {batch.shape}: {error}") from error
            return function(np.asarray(request.get_output_tensor(0).data, np.float32))

    @contextmanager
    def _request(self) -> Iterator[Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._closed)
            if self._closed:
                raise BackendError("the network is closed")
            request = self._idle.pop()  # the one used last has its memory in the cache
        try:
            yield request
        finally:
            with self._changed:
                if not self._closed:
                    self._idle.append(request)
                    self._changed.notify()

    def close(self) -> None:
        """Refuse calls that have no stream yet and free the memory; what is being computed is finished."""
        with self._changed:
            self._closed = True
            self._idle.clear()
            self._changed.notify_all()


class OpenVinoBackend:
    """Compiles networks for the CPU, one stream a core."""

    name = "openvino"

    def __init__(self, threads: int, *, precision: str = "auto", cache_dir: Path | None = None) -> None:
        # Padding a batch costs more than batching gains on a CPU (docs/benchmarks.md): one image at a time.
        self.policy = Policy(streams=threads, threads=threads, max_batch=1)
        self._core = openvino.Core()
        self._settings: dict[str, Any] = {
            "NUM_STREAMS": str(threads),
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # two containers on one machine would pin to the same cores
        }
        if precision != "auto":
            self._settings[PRECISION] = precision
        if cache_dir is not None:
            self._settings["CACHE_DIR"] = str(cache_dir)

    @property
    def provider(self) -> str:
        """The device in use and the processor behind it."""
        return f"CPU ({self._core.get_property('CPU', 'FULL_DEVICE_NAME').strip()})"

    def load(self, path: Path, role: Role) -> OpenVinoNetwork:
        """Compile an ONNX file for batches of one and any height and width."""
        settings = self._settings | {"CPU_RUNTIME_CACHE_CAPACITY": KERNEL_CACHE[role]}
        try:
            compiled = self._compile(path, settings)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO cannot load the {role} {path.name}: {error}") from error
        return OpenVinoNetwork(compiled, self.policy.streams)

    def _compile(self, path: Path, settings: dict[str, Any]) -> Any:
        try:
            return self._core.compile_model(str(path), "CPU", settings)
        except RuntimeError:
            if PRECISION in settings:
                raise
            # Its own choice is bfloat16 where the processor has it, for which some 8-bit layers have no kernel.
            return self._core.compile_model(str(path), "CPU", settings | {PRECISION: "f32"})
