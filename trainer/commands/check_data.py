"""What is in the data of a configuration, and what is wrong with it, before a night is spent on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely

from ocr_core.charset import Charset
from ocr_core.geometry import min_area_quad
from ocr_core.scoring.datasets import LabelledSet, PageSet
from trainer.config import AnyRun, ClassifierRun, DetectorRun, LabelledSource, RecognizerRun
from trainer.data.crops import cut_crops, read_image
from trainer.data.lines import frames_needed, padded_width
from trainer.data.problems import Problems
from trainer.data.readers import read_source
from trainer.errors import ConfigError
from trainer.nets.recognizer import build_recognizer
from trainer.tasks.direction import LINE_HEIGHT


@dataclass
class Finding:
    """What one source holds."""

    title: str
    images: int = 0
    lines: int = 0
    ignored: int = 0
    heights: list[float] = field(default_factory=list)
    """Pixels, of pages' lines."""
    widths: list[float] = field(default_factory=list)
    """Pixels at the network's height, of cut lines."""
    characters: Counter[str] = field(default_factory=Counter)
    problems: Problems = field(default_factory=Problems)

    def __str__(self) -> str:
        rows = [f"{self.title}: {self.images} images, {self.lines} lines to learn, {self.ignored} to ignore"]
        for name, values in (("heights", self.heights), ("widths", self.widths)):
            if values:
                low, middle, high = np.percentile(values, (5, 50, 95))
                rows.append(f"  {name} in pixels: median {middle:.0f}, 90 % from {low:.0f} to {high:.0f}")
        rows.append(f"  characters: {''.join(sorted(self.characters))}")
        rows.append(f"  problems: {self.problems}")
        return "\n".join(rows + [f"    {kind}: {place}" for kind, place in self.problems.places])


def check_data(config: AnyRun, root: Path) -> list[Finding]:
    """Go through every labelled source of a configuration, training and validation.

    Raises:
        ConfigError: a source is missing or cannot be read at all.
    """
    sources = [s for s in (*config.data.train, *config.data.validate_on) if isinstance(s, LabelledSource)]
    return [_check(source, config, root) for source in sources]


def _check(source: LabelledSource, config: AnyRun, root: Path) -> Finding:
    rows = read_source(source, root)
    finding = Finding(f"{source.path} ({source.rows})", images=len(rows.rows))
    if not isinstance(config, DetectorRun):
        _check_lines(finding, config, rows)
    elif isinstance(rows, PageSet):
        _check_pages(finding, config, rows)
    else:
        raise ConfigError(f"{source.path} holds lines, not pages")
    return finding


def _check_lines(finding: Finding, config: RecognizerRun | ClassifierRun, rows: LabelledSet) -> None:
    """Cut every line as training does, and see whether its text fits its width."""
    fits, height = _fits(config), config.net.height if isinstance(config, RecognizerRun) else LINE_HEIGHT
    if isinstance(rows, PageSet):
        finding.ignored = sum(line.ignore for row in rows.rows for line in row.lines)
    for crop in cut_crops(rows, height, Charset(config.characters), finding.problems):
        width = crop.pixels.shape[1]
        if not fits(width, crop.text):
            finding.problems.add("too long for its width", crop.place)
            continue
        finding.lines += 1
        finding.widths.append(width)
        finding.characters.update(crop.text)


def _fits(config: RecognizerRun | ClassifierRun) -> Callable[[int, str], bool]:
    """Return what tells whether a text can be learned from a line of so many pixels' width."""
    if isinstance(config, ClassifierRun):
        return lambda *_: True  # of a line of any width
    frames, widths = build_recognizer(config.net, 2).frames, config.data.widths
    return lambda width, text: width <= widths[-1] and frames(padded_width(width, widths)) >= frames_needed(text)


def _check_pages(finding: Finding, config: DetectorRun, rows: PageSet) -> None:
    """Decode every page; see that outlines do not cross themselves and are not too small to learn."""
    for row in rows.rows:
        if read_image(rows.path(row), finding.problems) is None:
            continue
        for number, line in enumerate(row.lines):
            corners = np.asarray(line.points, np.float32)
            place = f"{rows.path(row)}:{number}"
            if line.ignore:
                finding.ignored += 1
            elif not shapely.Polygon(corners).is_valid:
                finding.problems.add("crossing polygon", place)
            else:
                if np.ptp(corners, axis=0).min() < config.data.min_text:
                    finding.problems.add("too small", place)
                finding.lines += 1
                finding.heights.append(min_area_quad(corners)[2])
                finding.characters.update(line.text)
