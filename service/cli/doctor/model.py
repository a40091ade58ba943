"""The backend, the store and the model, as a trial found them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocr_core.bundle.store import DEFAULT_MODEL, shipped_models
from service.cli.doctor.finding import Finding, ok, size, wrong
from service.cli.doctor.machine import sees_gpu
from service.settings import Settings

SECONDS = 120.0
"""Given to a trial. It takes two on an idle machine, and a store that does not answer would be waited for forever."""
_START = "import json, sys; sys.path[:0] = json.loads(sys.argv[1]); from service.cli.doctor.trial import main; main()"
_REINSTALL = "Install it again: pip install --force-reinstall 'ocr-service[cpu,service]'."
_PRECISIONS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What the steps of a trial gave, and how it ended where it did not end by itself."""

    steps: dict[str, dict[str, Any]]
    end: str = ""

    @property
    def peak(self) -> int | None:
        """Bytes that reading took."""
        return self.steps.get("reading", {}).get("peak")


def run_trial(settings: Settings, seconds: float = SECONDS) -> Trial:
    """Try to read with these settings, in a process that may die of it."""
    order = settings.model_dump(mode="json", include={"model", "backend", "precision", "threads", "cache_dir"})
    order["store"] = settings.model_store
    paths = json.dumps([path for path in sys.path if path])
    with subprocess.Popen(
        [sys.executable, "-I", "-c", _START, paths],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        end = ""
        try:
            out, complaints = process.communicate(json.dumps(order), timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, complaints = process.communicate()
            end = f"did not end within {seconds:.0f} seconds"
    return Trial(steps=_steps(out), end=end or _end(process.returncode, complaints))


def _steps(out: str) -> dict[str, dict[str, Any]]:
    steps: dict[str, dict[str, Any]] = {}
    for line in out.splitlines():
        if line.startswith('{"step"'):
            step = json.loads(line)
            steps[step.pop("step")] = step
    return steps


def _end(code: int, complaints: str) -> str:
    if code >= 0:
        last = (complaints.strip().splitlines() or ["without a word"])[-1]
        return "" if code == 0 else f"ended with exit code {code} ({last})"
    return f"was ended by {signal.Signals(-code).name}"


def examine(settings: Settings, trial: Trial) -> list[Finding]:
    """Return what a trial says of each step that it came to."""
    describe: dict[str, Callable[[Settings, dict[str, Any]], list[Finding]]] = {
        "packages": lambda *_: [],
        "backend": _backend,
        "store": _store,
        "bundle": _bundle,
        "reading": _reading,
    }
    found: list[Finding] = []
    for name, step in trial.steps.items():
        if name == _told_by_another(trial.steps):
            continue
        if "error" in step:
            found.append(_failure(settings, name, step))
        elif step.get("state") == "begun":
            found.append(_unfinished(name, trial.end))
        else:
            found += describe[name](settings, step)
    return found or [_unfinished("packages", trial.end)]


def _told_by_another(steps: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the step that has nothing to add: of a store without models the one that misses it, or the other."""
    if steps.get("store", {}).get("bundles", True):
        return None
    # A model that this user may not read is not listed either, and only opening it says why.
    return "bundle" if steps.get("bundle", {}).get("code", "bundle_not_found") == "bundle_not_found" else "store"


def _backend(settings: Settings, step: dict[str, Any]) -> list[Finding]:
    reason = f"OCR_BACKEND={settings.backend}"
    if settings.backend == "auto":
        reason = "it is installed" if step["name"] == "openvino" else "openvino is not installed"
    return [ok("backend", f"{step['name']}, since {reason}; computes on {step['provider']}")]


def _store(settings: Settings, step: dict[str, Any]) -> list[Finding]:
    names = sorted({name for name, _, _ in step["bundles"]})
    reason = _reason(settings)
    if names:
        return [ok("store", f"{step['url']} ({reason}), with {', '.join(names)}")]
    return [_empty_store(settings, step["url"], reason)]


def _reason(settings: Settings) -> str:
    """Return why the store is the one that it is."""
    if settings.model_store:
        return "as OCR_MODEL_STORE or --store says"
    here, shipped = Path("models").absolute(), shipped_models()
    if shipped is None or shipped == here:
        return "./models, since OCR_MODEL_STORE is not set"
    if here.is_dir():
        return "./models and behind it what comes with the package, since OCR_MODEL_STORE is not set"
    return "what comes with the package, since OCR_MODEL_STORE is not set and there is no ./models"


def _empty_store(settings: Settings, url: str, reason: str) -> Finding:
    text, folder = f"{url} ({reason}) holds no model", Path(url)
    remedy = "Unset OCR_MODEL_STORE to use the model that comes with the package, or name a folder with bundles in it."
    if "://" not in url:
        if not folder.exists():
            text = f"there is no folder {url} ({reason})"
        elif not folder.is_dir():
            text = f"{url} ({reason}) is no folder"
        elif not _listable(folder):
            return wrong("store", f"{url} ({reason}) may not be read by this user", f"chmod -R a+rX {url}")
    if not settings.model_store:
        remedy = "Set OCR_MODEL_STORE to a folder of models, or make one: ocr models import (extra `ppocr`)."
    return wrong("store", text, remedy)


def _listable(folder: Path) -> bool:
    try:
        next(folder.iterdir(), None)
    except OSError:
        return False
    return True


def _bundle(settings: Settings, step: dict[str, Any]) -> list[Finding]:
    reason = f"OCR_MODEL={settings.model}" if settings.model != DEFAULT_MODEL else "the default"
    whole = f"{size(step['bytes'])}, every file as its manifest says"
    return [ok("model", f"{step['ref']} ({reason}), {whole}, digest {step['digest'][:16]}…")]


def _reading(settings: Settings, step: dict[str, Any]) -> list[Finding]:
    numbers = _PRECISIONS.get(step["precision"], step["precision"])
    reason = f"OCR_PRECISION={settings.precision}"
    if settings.precision == "auto":
        reason = "the processor computes in it" if numbers == "bfloat16" else "the processor has no units for bfloat16"
    seconds = f"loaded in {step['load_seconds']:.1f} s, its golden sample read in {step['read_seconds']:.2f} s"
    found = [ok("reading", f"works: {seconds}")]
    return [ok("precision", f"{numbers}, since {reason}" if settings.backend != "cuda" else numbers), *found]


def _failure(settings: Settings, name: str, step: dict[str, Any]) -> Finding:
    error, code = step["error"], step["code"]
    problem = error.partition(". ")[0].rstrip(".")
    if name == "packages":
        return wrong("packages", f"a package cannot be imported: {error}", _REINSTALL)
    if name == "backend":
        return wrong("backend", error, _backend_remedy(settings))
    if code == "PermissionError":
        return wrong("model", error, "Let this user read it: chmod -R a+rX on the folder of the store.")
    if code == "bundle_not_found":
        return wrong(
            "model", error.rstrip("."), "Set OCR_MODEL to one of those: `ocr models list` shows their versions."
        )
    if code == "bundle_schema":
        return wrong("model", problem, error.partition(". ")[2] or _again(settings))
    if code == "bundle_corrupt":
        return wrong("model", problem, _again(settings))
    if name == "reading":
        return wrong("reading", problem, "Try OCR_BACKEND=onnxruntime and OCR_PRECISION=f32, then another model.")
    return wrong(name, problem, error.partition(". ")[2] or "Check its address, the credentials and the network.")


def _again(settings: Settings) -> str:
    """Return how to get a damaged model back."""
    if settings.model_store is None and shipped_models() and not Path("models").is_dir():
        return _REINSTALL
    return "Copy or publish it anew, or go back to another version: `ocr models list`, `ocr models use NAME@VERSION`."


def _backend_remedy(settings: Settings) -> str:
    if settings.backend != "cuda":
        return "pip install 'ocr-service[cpu]'; or unset OCR_BACKEND, which takes what is installed."
    if not sees_gpu():
        return "Unset OCR_BACKEND to compute on the processor."
    return "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install 'ocr-service[gpu,service]'."


def _unfinished(name: str, end: str) -> Finding:
    text = f"the trial {end or 'ended too early'} at this step: {name}"
    if "SIGILL" in end:
        remedy = "This processor lacks instructions that the packages were built for: take one with AVX2."
    elif "SIGKILL" in end:
        remedy = "Most likely for want of memory: allow this process a gigabyte, and try again."
    elif "did not end" in end and name in ("store", "bundle"):
        remedy = "The store does not answer: check its address, the credentials and the network."
    elif "did not end" in end:
        remedy = "The machine is overloaded, or hangs: try again when it is idle."
    else:
        remedy = _REINSTALL
    return wrong(name, text, remedy)
