"""The machine: processor, cores, memory, GPU."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ocr_core.cgroup import cpu_quota, memory_limit, total_memory
from ocr_core.cpu import affinity_cores, available_cores
from service.cli.doctor.finding import Finding, ok, size, warning, wrong
from service.settings import BODY_COPIES, BYTES_PER_PIXEL, Settings

CPUINFO = Path("/proc/cpuinfo")
SETS = {
    "sse4_2": "SSE4.2",
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI (8-bit integers)",
    "avx_vnni": "AVX-VNNI",
    "avx512_bf16": "bfloat16",
    "amx_bf16": "AMX (matrices of bfloat16)",
    "asimd": "Neon",
    "bf16": "bfloat16",
    "i8mm": "I8MM (8-bit integers)",
}
"""Instructions that networks are computed with, as /proc/cpuinfo calls them and as people do."""
ENOUGH = 1.0
"""Cores below which the threads of a single inference are held up again and again."""
UNMEASURED = 512 * 2**20
"""Bytes that a process with its model takes, where it could not be tried."""
SMALL_BODY = 8 * 2**20
"""Bytes of a request's body where memory is short: a photograph as JPEG."""


def processor() -> Finding:
    """Look at the processor and its instruction sets."""
    fields = _cpuinfo()
    name = fields.get("model name") or platform.processor() or platform.machine()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    sets = [title for flag, title in SETS.items() if flag in flags]
    text = f"{name}, {platform.machine()}" + (f": {', '.join(sets)}" if sets else "")
    if "sse4_1" in flags and "avx2" not in flags:
        return warning(
            "processor", f"{text}; no AVX2", "A processor with AVX2 (since 2013) reads several times faster."
        )
    return ok("processor", text)


def cores(settings: Settings | None) -> Finding:
    """Look at how many cores are computed on, and what decides that."""
    machine, allowed, quota, used = os.cpu_count() or 1, affinity_cores(), cpu_quota(), available_cores()
    text = f"{_count(machine)} in the machine, {allowed} by affinity, " + (
        f"{quota:.3g} by the quota of the cgroup" if quota is not None else "no quota"
    )
    chosen = settings.threads if settings else None
    if chosen is None:
        text += f": {_inferences(used)}"
    elif chosen > used:
        remedy = f"Unset OCR_THREADS: {used} would be taken, and more threads than cores only wait for each other."
        return warning("cores", f"{text}: OCR_THREADS={chosen} asks for more", remedy)
    else:
        text += f": {_inferences(chosen)}, as OCR_THREADS says"
    if quota is not None and quota < ENOUGH:
        held = f"held up for {1 - quota:.0%} of the time: a page takes {1 / quota:.1f} times as long as with one core"
        remedy = "Allow a core or more: docker run --cpus 1, or resources.limits.cpu: 1 in Kubernetes."
        return warning("cores", f"{text}, {held}", remedy)
    return ok("cores", text)


def memory(settings: Settings, peak: int | None) -> Finding:
    """Look at whether the memory is enough for the model and for the requests that may be inside."""
    limit, total = memory_limit(), total_memory()
    room = min(value for value in (limit, total, 1 << 62) if value is not None)
    model = peak or UNMEASURED
    text = f"{size(total)} in the machine, " if total else ""
    text += f"{size(limit)} by the limit of the cgroup" if limit is not None else "no limit"
    text += f"; reading took {size(model)} here" if peak else ""
    need = model + settings.max_memory
    if room >= need:
        return ok("memory", f"{text}, and requests may take {size(settings.max_memory)} (OCR_MAX_MEMORY)")
    text += f", and requests to `ocr serve` may take {size(settings.max_memory)} on top (OCR_MAX_MEMORY)"
    return warning("memory", text, f"{_fitting(settings, room - model)}, or allow {size(need)}.")


def _fitting(settings: Settings, spare: int) -> str:
    """Return which settings keep requests within the bytes that are left beside the model."""
    least = BODY_COPIES * settings.payload_limit + BYTES_PER_PIXEL * settings.max_pixels
    if spare >= least:
        return f"Set OCR_MAX_MEMORY={spare >> 20}MiB, so that requests are refused before the process is killed"
    megapixels = (spare - BODY_COPIES * SMALL_BODY) // BYTES_PER_PIXEL // 1_000_000
    if megapixels < 1:
        return "Read with `ocr read` alone"
    smaller = f"OCR_PAYLOAD_LIMIT={SMALL_BODY >> 20}MiB and OCR_MAX_PIXELS={megapixels * 1_000_000}"
    return f"Set OCR_MAX_MEMORY={spare >> 20}MiB, {smaller}, so that requests are refused before the process is killed"


def gpu(settings: Settings | None) -> Finding:
    """Look for a GPU, which is used only by who asks for it."""
    seen, asked = sees_gpu(), settings is not None and settings.backend == "cuda"
    if both := _both_runtimes():
        return both
    if asked and not seen:
        return wrong(
            "gpu",
            "OCR_BACKEND=cuda asks for an NVIDIA GPU, and none is seen here",
            "Unset OCR_BACKEND to compute on the processor. If there is a GPU, `nvidia-smi` must list it: install its "
            "driver, and start a container with --gpus all.",
        )
    if seen and not asked:
        return ok("gpu", "there is an NVIDIA GPU; it is left alone unless OCR_BACKEND=cuda (extra `gpu`)")
    return ok("gpu", "an NVIDIA GPU, as OCR_BACKEND=cuda asks" if seen else "none seen, none needed")


def sees_gpu() -> bool:
    """Say whether there is an NVIDIA GPU that this process may use."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists() or _nvidia_smi()


def _nvidia_smi() -> bool:
    return Path("/proc/driver/nvidia/gpus").is_dir() and shutil.which("nvidia-smi") is not None


def _both_runtimes() -> Finding | None:
    if not (_installed("onnxruntime") and _installed("onnxruntime-gpu")):
        return None
    return wrong(
        "gpu",
        "onnxruntime and onnxruntime-gpu are installed, and each overwrites files of the other",
        "pip uninstall -y onnxruntime onnxruntime-gpu, then install one: 'ocr-service[cpu]' or 'ocr-service[gpu]'.",
    )


def _installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def _cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first core."""
    try:
        text = CPUINFO.read_text().partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _count(cores: int) -> str:
    return f"{cores} core" if cores == 1 else f"{cores} cores"


def _inferences(count: int) -> str:
    return "one inference at a time" if count == 1 else f"{count} inferences side by side"
