"""onnxruntime: the portable CPU backend and the CUDA one.

The CUDA backend fails closed: onnxruntime falls back to the CPU in silence when its CUDA libraries do not load, and
nobody who asked for a GPU wants to find that out from the latency.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ocr_core.backends.base import Policy, Result, Role, Tensor
from ocr_core.errors import BackendError, BackendUnavailableError


class OnnxNetwork:
    """A session. `run` may be called from any thread; `slots` bounds how many do so at once."""

    def __init__(self, session: Any, slots: int) -> None:
        self._session: Any | None = session
        self._input = session.get_inputs()[0].name
        self._slots = threading.BoundedSemaphore(slots)

    def __call__(self, batch: Tensor) -> Tensor:
        """Compute the output for `batch` (N×C×H×W)."""
        with self._slots:
            session = self._session
            if session is None:
                raise BackendError("the network is closed")
            try:
                output = session.run(None, {self._input: batch})[0]
            except Exception as error:  # onnxruntime raises classes of its own with no common base
                raise BackendError(f"onnxruntime failed on an input of shape {batch.shape}: {error}") from error
        return np.asarray(output, np.float32)

    def reduce(self, batch: Tensor, function: Callable[[Tensor], Result]) -> Result:
        """Apply `function` to the output for `batch`."""
        return function(self(batch))

    def close(self) -> None:
        """Drop the session; calls under way finish."""
        self._session = None


class CpuBackend:
    """onnxruntime on its own CPU provider: runs wherever its wheel does."""

    name = "onnxruntime"
    provider = "CPUExecutionProvider"

    def __init__(self, threads: int) -> None:
        self.policy = Policy(streams=threads, threads=threads, max_batch=1)

    def load(self, path: Path, role: Role) -> OnnxNetwork:
        """Open a session of one thread; as many calls as there are cores run in it side by side."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # 256,000 weights of PP-OCRv6's detector are denormal and cost it three quarters of its time. Bundles are
        # written without; this is for activations. It works for the thread that opens the first session of the
        # process and for the threads that this one starts later, and for nothing else.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_mem_pattern = False  # a pattern is kept for every input shape ever seen
        providers = [(self.provider, {"arena_extend_strategy": "kSameAsRequested"})]
        return OnnxNetwork(_open(path, role, options, providers), self.policy.streams)


class CudaBackend:
    """onnxruntime on a CUDA GPU (extra `gpu`)."""

    name = "cuda"
    provider = "CUDAExecutionProvider"

    def __init__(self) -> None:
        if self.provider not in onnxruntime.get_available_providers():
            raise BackendUnavailableError(
                "this onnxruntime has no CUDA provider; install the extra 'gpu' instead of 'cpu', "
                "or set OCR_BACKEND=auto"
            )
        if hasattr(onnxruntime, "preload_dlls"):  # CUDA and cuDNN from their PyPI wheels
            onnxruntime.preload_dlls()
        self.policy = Policy(streams=2, threads=1, max_batch=64, width_step=4)

    def load(self, path: Path, role: Role) -> OnnxNetwork:
        """Open a session on the GPU.

        Raises:
            BackendUnavailableError: the session came up on another provider.
        """
        options = onnxruntime.SessionOptions()
        cuda = {
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",  # the exhaustive search runs again for every new shape
        }
        session = _open(path, role, options, [(self.provider, cuda)])
        if session.get_providers()[0] != self.provider:
            raise BackendUnavailableError(
                f"{path.name} was loaded on {session.get_providers()[0]}, not on {self.provider}: the CUDA or cuDNN "
                "libraries do not fit this onnxruntime; see its warning above, or set OCR_BACKEND=auto"
            )
        return OnnxNetwork(session, self.policy.streams)


def _open(path: Path, role: Role, options: Any, providers: list[tuple[str, dict[str, str]]]) -> Any:
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime raises classes of its own with no common base
        raise BackendError(f"onnxruntime cannot load the {role} {path.name}: {error}") from error
