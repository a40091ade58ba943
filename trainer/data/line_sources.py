"""Where lines come from: labelled images, or what is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ocr_core.charset import Charset
from trainer.config import LabelledSource, LineSource
from trainer.data.crops import Crop, cut_crops, readable_lines
from trainer.data.lines import CropLines, Lines, RecutLines, fit_height
from trainer.data.problems import Problems
from trainer.data.readers import read_source
from trainer.data.recut import Patch, take_patch
from trainer.data.rendered import DrawnLines, line_sampler
from trainer.errors import ConfigError

AUGMENT_SEED = 2**61
VALIDATION_SEED = 2**62
"""Drawn validation data comes from a seed that no training uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFormat:
    """How a network wants its lines."""

    charset: Charset
    height: int
    """Pixels."""
    grey: bool
    """One channel instead of three."""


def open_lines(
    source: LineSource, form: LineFormat, root: Path, seed: int, augment: float, problems: Problems
) -> Lines:
    """Return the training lines of a source below `root`.

    Raises:
        ConfigError: it is missing, or no line of it can be used.
    """
    if not isinstance(source, LabelledSource):
        sample = line_sampler(source, "".join(form.charset.entries), root, seed)
        return DrawnLines(sample, source.count, form.height, form.grey)
    if source.recut:
        return RecutLines(_patches(source, form, root, problems), form.height, form.grey, augment, seed + AUGMENT_SEED)
    # Kept at 3/2 of the network's height, so that augmentation has pixels to lose.
    crops = _labelled(source, form, form.height * 3 // 2, root, problems)
    return CropLines(crops, form.height, form.grey, augment, seed + AUGMENT_SEED)


def validation_crops(source: LineSource, form: LineFormat, root: Path, problems: Problems) -> list[Crop]:
    """Return the lines of a source to validate on, cut as they are when served; errors are those of `open_lines`."""
    if isinstance(source, LabelledSource):
        return _labelled(source, form, form.height, root, problems)
    if not source.count:
        raise ConfigError("a source of drawn lines to validate on needs a count")
    sample = line_sampler(source, "".join(form.charset.entries), root, VALIDATION_SEED)
    drawn = map(sample, range(source.count))
    return [Crop.of(fit_height(line.image, form.height, grey=False), line.text, line.domain) for line in drawn]


def _labelled(source: LabelledSource, form: LineFormat, height: int, root: Path, problems: Problems) -> list[Crop]:
    crops = cut_crops(read_source(source, root), height, form.charset, problems)
    if not crops:
        raise ConfigError(f"{source.path}: no line of it can be used ({problems})")
    return crops


def _patches(source: LabelledSource, form: LineFormat, root: Path, problems: Problems) -> list[Patch]:
    found = readable_lines(read_source(source, root), form.charset, problems)
    patches = [take_patch(pixels, quad, text, place) for place, pixels, quad, text in found]
    if not patches:
        raise ConfigError(f"{source.path}: no line of it can be used ({problems})")
    return patches


def line_title(source: LineSource) -> str:
    """Return the name that figures of a source go by."""
    return Path(source.path).name if isinstance(source, LabelledSource) else source.kind
