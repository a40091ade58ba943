"""`trainer publish`: a bundle in the store, if it is good enough."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ocr_core.backends.base import Role
from ocr_core.bundle.base import Store
from ocr_core.bundle.reader import Bundle
from ocr_core.bundle.writer import write_bundle
from trainer.config import PublishConfig
from trainer.errors import GateError
from trainer.release.bundling import build_bundle
from trainer.release.export import load_trained
from trainer.release.gate import Scores, check_gate, current_scores, score
from trainer.torch_network import TorchBackend

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """A bundle in the store and what it is worth."""

    bundle: Bundle
    scores: Scores
    compared: Scores
    """The same figures of what it was made from: torch's networks in the pipeline, or the bundle that was quantized."""


def publish(config: PublishConfig, store: Store, root: Path, runs: Path, *, force: bool = False) -> Published:
    """Export trained networks, score them and publish them as the current version of their name.

    Args:
        config: what to publish and the gate.
        store: where to.
        root: folder that the configuration's data lies below.
        runs: folder that the configuration's states lie below.
        force: publish even if it is not good enough.

    Raises:
        ConfigError: states or data that do not fit.
        GateError: the exported networks differ from those in torch, do not read the golden image, or are not good
            enough; only the last can be forced.
    """
    states: dict[Role, str] = {"detector": config.detector, "recognizer": config.recognizer}
    if config.classifier:
        states["classifier"] = config.classifier
    if config.second is not None:
        states["second"] = config.second.recognizer
    trained = {role: load_trained(runs / state) for role, state in states.items()}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        draft = build_bundle(config, trained, work, root, runs)
        scores = score(draft, config, root)
        in_torch = TorchBackend({role: part.network for role, part in trained.items()})
        torch_scores = score(draft, config, root, in_torch)
        try:
            check_gate(scores, current_scores(config, store, root), config)
        except GateError as error:
            if not force:
                raise
            log.warning("published by force: %s", error)
        manifest = draft.manifest.model_copy(update={"scores": scores})
        bundle = write_bundle(work / "final", manifest, [draft.file(file) for file in draft.manifest.files()])
        store.publish(bundle)
    return Published(store.open(bundle.ref), scores, torch_scores)
