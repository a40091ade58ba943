"""Which models are loaded, and which of them answers a request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from ocr_core.backends.base import Backend
from ocr_core.errors import BackendUnavailableError, BundleError, BundleNotFoundError, OcrError
from service.engine.batching.stages import measured
from service.engine.models.loaded import Loaded, Reader
from service.engine.models.trial import Evidence, Trial, Verdict
from service.engine.threads import in_thread
from service.errors import ModelConflictError, ModelNotLoadedError, ModelNotServedError
from service.observe.metrics import Metrics
from service.settings import Settings

log = logging.getLogger(__name__)

ReaderFactory = Callable[[Settings], Reader]


class ModelState(NamedTuple):
    """A loaded model and what it is for."""

    model: Loaded
    state: str
    """`ready` answers for its name, `trial` too, with a `fallback`; `extra` answers who asks for its version."""


class Models:
    """Loaded models by name and version. Changed on the event loop alone, so a request sees one state of it.

    A name has one version that answers requests which name none; a version that is taken up later replaces it, is on
    trial for its first images, and gives way again if it fails them. Others may be loaded for those who ask for them.

    Args:
        settings: what to load, and with what.
        load: makes a reader for the model of the settings that it is given; runs in a thread and may take seconds.
        metrics: told of every change.
    """

    def __init__(self, settings: Settings, load: ReaderFactory, metrics: Metrics) -> None:
        self._settings = settings
        self._load_reader = load
        self._metrics = metrics
        self._default = settings.model.partition("@")[0]
        self._active: dict[str, Loaded] = {}
        self._trials: dict[str, Trial] = {}
        self._extra: dict[str, Loaded] = {}
        self._refused: dict[str, str] = {}
        self._loading = asyncio.Lock()
        self._closer = ThreadPoolExecutor(1, thread_name_prefix="close")

    @property
    def default(self) -> Loaded:
        """The model that answers requests which name none."""
        return self._active[self._default]

    @property
    def followed(self) -> list[str]:
        """Names whose current version in the store is to be taken up."""
        pinned = {self._default} if "@" in self._settings.model else set()
        return [name for name in self._active if name not in pinned]

    def states(self) -> Iterator[ModelState]:
        """Give every loaded model, those first that answer for their names."""
        for name, model in self._active.items():
            yield ModelState(model, "trial" if name in self._trials else "ready")
        yield from (ModelState(trial.fallback, "fallback") for trial in self._trials.values())
        yield from (ModelState(model, "extra") for model in self._extra.values())

    def find(self, wanted: str | None) -> Loaded:
        """Return the model for a request that names `name`, `name@version` or nothing.

        Raises:
            ModelNotServedError: it is not loaded here.
        """
        name, _, version = (wanted or self._default).partition("@")
        if not version and name in self._active:
            return self._active[name]
        for model, _ in self.states():
            if model.bundle.ref == wanted:
                return model
        served = ", ".join(model.bundle.ref for model, _ in self.states())
        raise ModelNotServedError(f"{wanted} is not served here; {served} is")

    async def start(self) -> Loaded:
        """Load the model of the settings; errors are those of `load`."""
        model = await self._load(self._settings.model)
        self._active[self._default] = model
        return model

    async def take_up(self, name: str, version: str) -> None:
        """Load a version beside the present one and let it answer for its name; nothing changes if it is not fit to.

        Raises:
            OcrError: why it is not taken up. One that is not what it says will be passed over until another is current.
        """
        async with self._loading:
            present = self._active.get(name)
            if present is not None and present.version == version:
                return
            if self.is_refused(name, version):
                raise ModelConflictError(f"{name}@{version} was tried and refused; publish another version")
            self._refused.pop(name, None)
            trial = self._trials.get(name)
            if trial is not None and trial.fallback.version == version:
                self._go_back(name)
            else:
                self._hand_over(name, await self._load_or_refuse(name, version))
            self._metrics.model_reload.labels("ok").inc()

    def is_refused(self, name: str, version: str) -> bool:
        """Tell whether a version was tried and found unfit."""
        return self._refused.get(name) == version

    async def add(self, name: str, version: str) -> None:
        """Load a version for requests that ask for it; no others will get it. Errors are those of `load`."""
        async with self._loading:
            ref = f"{name}@{version}"
            if all(model.bundle.ref != ref for model, _ in self.states()):
                self._extra[ref] = await self._load(ref)

    def remove(self, name: str, version: str | None) -> None:
        """Unload a version that was added, or without a version all of a name, its added versions too.

        Raises:
            ModelNotLoadedError: it is not loaded here.
            ModelConflictError: requests that name no version, or no model, need it.
        """
        ref = name if version is None else f"{name}@{version}"
        own = [model.bundle.ref for model, _ in self.states() if model.name == name]
        chosen = own if version is None else [one for one in own if one == ref]
        if not chosen:
            raise ModelNotLoadedError(f"{ref} is not loaded here")
        extra = [one for one in chosen if one in self._extra]
        if name == self._default if version is None else not extra:
            raise ModelConflictError(f"{chosen[0]} answers requests; take up another version first")
        for one in extra:
            self._extra.pop(one).retire()
        if version is None and name in self._active:
            self._close_name(name)

    def second_opinion(self, model: Loaded) -> Loaded | None:
        """Return the model that reads again what `model` could not by a fault of its own; None if there is no other."""
        trial = self._trials.get(model.name)
        if trial is not None and trial.model is model:
            return trial.fallback
        # Requests that were under way when their version was given up.
        given_up = self.is_refused(model.name, model.version)
        return self._active.get(model.name) if given_up else None

    def record(self, model: Loaded, evidence: Evidence) -> None:
        """Take note of what a request says of `model`, and end its trial if that settles it."""
        if evidence.read or evidence.failed or evidence.late:
            model.note_request(late=evidence.late)
        trial = self._trials.get(model.name)
        if trial is None or trial.model is not model:
            return
        verdict = trial.record(evidence)
        if verdict is not Verdict.OPEN:
            self._end_trial(model.name, verdict)

    def close(self) -> None:
        """Close every model once nobody uses it; blocks until all are."""
        for name in list(self._active):
            self._close_name(name)
        for ref in list(self._extra):
            self._extra.pop(ref).retire()
        self._closer.shutdown()

    def _close_name(self, name: str) -> None:
        if (trial := self._trials.pop(name, None)) is not None:
            trial.fallback.retire()
        self._active.pop(name).retire()

    async def _load_or_refuse(self, name: str, version: str) -> Loaded:
        ref = f"{name}@{version}"
        if ref in self._extra:
            return self._extra.pop(ref)
        try:
            return await self._load(ref)
        except Exception as error:
            hopeless = _is_hopeless(error)
            if hopeless:
                self._refused[name] = version
            self._metrics.model_reload.labels("refused" if hopeless else "failed").inc()
            log.error("%s is not taken up: %s", ref, error, exc_info=None if isinstance(error, OcrError) else error)
            raise

    def _hand_over(self, name: str, model: Loaded) -> None:
        before = self._active.get(name)
        unproven = self._trials.pop(name, None)
        self._active[name] = model
        if before is None:
            return
        # A version that has not proved itself is no fallback; the one before it is still there.
        self._trials[name] = Trial(model=model, fallback=unproven.fallback if unproven else before)
        if unproven:
            before.retire()

    def _go_back(self, name: str) -> Trial:
        trial = self._trials.pop(name)
        self._active[name] = trial.fallback
        trial.model.retire()
        return trial

    def _end_trial(self, name: str, verdict: Verdict) -> None:
        if verdict is Verdict.PASSED:
            trial = self._trials.pop(name)
            trial.fallback.retire()
            log.info("%s has proved itself", trial.model.bundle.ref)
            return
        trial = self._go_back(name)
        self._refused[name] = trial.model.version
        self._metrics.model_reload.labels("rolled_back").inc()
        before = trial.fallback.bundle.ref
        log.error(
            "%s read %d images, failed %d that %s reads, and missed %d deadlines; %s is back",
            *(trial.model.bundle.ref, trial.read, trial.failed, before, trial.late, before),
        )

    async def _load(self, ref: str) -> Loaded:
        loaded = sum(1 for _ in self.states())
        if loaded >= self._settings.max_loaded_models:
            raise ModelConflictError(f"{loaded} models are loaded, and that is as many as may be; unload one first")
        start = time.perf_counter()
        loading = in_thread(partial(self._load_and_warm, ref), f"load {ref}")
        try:
            model = await asyncio.wrap_future(loading)
        except asyncio.CancelledError:  # the service stops; who loads cannot be stopped, and nobody waits for it
            loading.add_done_callback(_retire)
            raise
        self._metrics.show_model(*model.labels)
        backend = model.reader.backend
        log.info(
            "model loaded",
            extra={
                "model_name": model.name,
                "model_version": model.version,
                "model_digest": model.bundle.digest,
                "backend": backend.name,
                "provider": backend.provider,
                "streams": backend.policy.streams,
                "threads": backend.policy.threads,
                "batch_sizes": {stage: sizes[-1] for stage, sizes in model.stages.sizes.items()},
                "seconds": round(time.perf_counter() - start, 2),
            },
        )
        return model

    def _load_and_warm(self, ref: str) -> Loaded:
        reader = self._load_reader(self._settings.model_copy(update={"model": ref}))
        try:
            _require_asked_for(reader.backend, self._settings.backend)
            reader.warm_up()
            stages = measured(reader.networks, reader.backend.policy, max_pixels=self._settings.max_batch_pixels)
        except BaseException:
            reader.close()
            raise
        return Loaded(reader, stages, self._close_later)

    def _close_later(self, model: Loaded) -> None:
        try:
            self._closer.submit(self._close, model)
        except RuntimeError:  # all others have been closed; this one was being loaded or used by a thread left behind
            self._close(model)

    def _close(self, model: Loaded) -> None:
        model.reader.close()
        self._metrics.hide_model(*model.labels)
        log.info("model closed", extra={"model": model.bundle.ref})


def _retire(loading: Future[Loaded]) -> None:
    if loading.exception() is None:
        loading.result().retire()


def _is_hopeless(error: Exception) -> bool:
    """Tell whether trying again will not help: not so where a store cannot be reached or no memory is free."""
    transient = (OSError, MemoryError, ModelConflictError)
    return not isinstance(error, transient) and type(error) not in (BundleError, BundleNotFoundError)


def _require_asked_for(backend: Backend, asked_for: str) -> None:
    if asked_for not in ("auto", backend.name):
        raise BackendUnavailableError(f"{backend.name} came up where {asked_for} was asked for")
