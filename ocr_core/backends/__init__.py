"""Inference backends: OpenVINO, onnxruntime on the CPU and on CUDA, and a fake for tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal, get_args

from ocr_core.backends.base import Backend, Network, Policy, Role, Tensor
from ocr_core.cpu import available_cores
from ocr_core.errors import BackendUnavailableError
from ocr_core.memory import return_large_blocks

__all__ = ["Backend", "BackendName", "Network", "Policy", "Precision", "Role", "Tensor", "load_backend"]

BackendName = Literal["auto", "openvino", "onnxruntime", "cuda"]
Precision = Literal["auto", "f32", "bf16"]


def load_backend(
    name: BackendName = "auto",
    *,
    threads: int | None = None,
    precision: Precision = "auto",
    cache_dir: Path | None = None,
) -> Backend:
    """Return the backend called `name`.

    Args:
        name: `auto` takes OpenVINO where its wheel is installed, else onnxruntime on the CPU; it never picks a GPU.
        threads: cores to use; None takes those that the affinity mask and the cgroup quota allow.
        precision: in which numbers OpenVINO computes. `auto` leaves it to the hardware: bfloat16 where the processor
            has matrix units for it, else float32.
        cache_dir: folder in which compiled networks are kept between starts; None keeps nothing.

    Raises:
        BackendUnavailableError: not installed, or not able to use what was asked for.
    """
    if name not in get_args(BackendName):
        raise BackendUnavailableError(f"no backend {name!r}; there are {', '.join(get_args(BackendName))}")
    if precision not in get_args(Precision):
        raise BackendUnavailableError(f"no precision {precision!r}; there are {', '.join(get_args(Precision))}")
    cores = available_cores() if threads is None else _checked(threads)
    return_large_blocks()
    if name == "auto":
        name = "openvino" if importlib.util.find_spec("openvino") else "onnxruntime"
    try:
        if name == "openvino":
            from ocr_core.backends.openvino import OpenVinoBackend

            return OpenVinoBackend(cores, precision=precision, cache_dir=cache_dir)
        from ocr_core.backends.onnxruntime import CpuBackend, CudaBackend

        return CudaBackend() if name == "cuda" else CpuBackend(cores)
    except ImportError as error:
        extra = "gpu" if name == "cuda" else "cpu"
        raise BackendUnavailableError(
            f"backend {name!r} is not installed ({error}); install the extra {extra!r}"
        ) from error


def _checked(threads: int) -> int:
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise BackendUnavailableError(f"cannot compute on {threads!r} threads; give 1 or more, or None for all cores")
    return threads
