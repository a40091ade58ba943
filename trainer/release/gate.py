"""What a bundle is worth on pages, through the pipeline that serves, and whether that suffices."""

from __future__ import annotations

from pathlib import Path

from ocr_core.backends.base import Backend
from ocr_core.bundle.base import Store
from ocr_core.bundle.manifest import Score
from ocr_core.bundle.reader import Bundle
from ocr_core.errors import BundleNotFoundError
from ocr_core.pipeline.engine import Engine
from ocr_core.scoring.datasets import Region
from ocr_core.scoring.scorers import PageScorer
from trainer.config import GateConfig, PublishConfig
from trainer.data.page_sources import page_title
from trainer.errors import ConfigError, GateError
from trainer.release.bundling import validation_pages

Scores = tuple[Score, ...]


def score(bundle: Bundle, config: GateConfig, root: Path, backend: Backend | None = None) -> Scores:
    """Read the validation pages with a bundle, in fp32 on the backend of this machine or on the one given."""
    engine = Engine.load(bundle, precision="f32") if backend is None else Engine(bundle, backend)
    scorers: dict[int, PageScorer] = {}
    try:
        for number, page in validation_pages(config, root):
            scorer = scorers.setdefault(number, PageScorer(by_line=page.by_line))
            labels = [
                Region(Region.of(polygon, "").points, text, skip)
                for polygon, text, skip in zip(page.polygons, page.texts, page.ignore, strict=True)
            ]
            found = [Region.of(line.quad, line.text) for line in engine.read(page.pixels).lines]
            scorer.add(labels, found)
    finally:
        engine.close()
    return tuple(
        Score(dataset=page_title(config.validate_on[number]), metric=metric, value=round(value, 4), images=scorer.pages)
        for number, scorer in scorers.items()
        for metric, value in scorer.figures().items()
    )


def current_scores(config: PublishConfig, store: Store, root: Path) -> Scores | None:
    """Score the current bundle of the same name on the same pages; None where there is none."""
    try:
        bundle = store.open(config.name)
    except BundleNotFoundError:
        return None
    return score(bundle, config, root)


def mean(scores: Scores, metric: str) -> float:
    """Return a figure's mean over the sets that have it.

    Raises:
        ConfigError: none has; boxes are judged only where labels are lines.
    """
    values = [score.value for score in scores if score.metric == metric]
    if not values:
        raise ConfigError(f"no validation set gives {metric}")
    return sum(values) / len(values)


def check_gate(scores: Scores, current: Scores | None, config: PublishConfig) -> None:
    """Let a bundle pass, or not.

    Raises:
        GateError: worse than the current bundle by more than the margin; or the first of its name and below the floor,
            or without a floor configured.
    """
    value = mean(scores, config.metric)
    if current is not None:
        bar = mean(current, config.metric) - config.margin
        if value < bar:
            raise GateError(
                f"{config.metric} is {value:.4f}, below {bar:.4f}: the current {config.name} less the margin"
            )
    elif config.floor is None:
        raise GateError(f"{config.name} is not in the store yet: a first version needs a floor in the configuration")
    elif value < config.floor:
        raise GateError(f"{config.metric} is {value:.4f}, below the floor {config.floor}")
