"""What `trainer publish` and `trainer quantize` put together, and what it must be worth."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trainer.config.data import PageSource
from trainer.config.runs import DetectorServing
from trainer.config.sections import Share, Strict

GoldenText = Annotated[str, Field(min_length=1)]


class GateConfig(Strict):
    """A bundle to be, and the gate before it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Name of the bundle in the store."""
    validate_on: tuple[PageSource, ...] = Field(min_length=1)
    """Pages that the bundle is scored on, through the pipeline that serves."""
    metric: Literal["word_f1", "char_f1", "det_h", "e2e_h"] = "word_f1"
    """The figure that the gate looks at, the mean over the sets."""
    margin: Share = 0.005
    """By how much that figure may be below that of the bundle it is compared with."""


class LanguageFile(Strict):
    """A language model written by `trainer language`, and how much it counts beside the recognizer."""

    file: str
    """The file, relative to --runs."""
    weight: float = Field(default=0.5, gt=0)
    """Power of the text's probability."""
    bonus: float = 1.3
    """Added to the logarithm for each character: the model alone prefers short texts."""


class SecondConfig(Strict):
    """A second, better and slower recognizer, and what it reads."""

    recognizer: str
    """State of the trained recognizer, relative to --runs."""
    below: float = Field(gt=0, le=1)
    """Lines with a character that the first recognizer finds less probable than this are read again."""


class PublishConfig(GateConfig):
    """Trained networks to publish; compared with the current bundle of the same name."""

    detector: str
    """State of the trained detector, relative to --runs."""
    serving: DetectorServing | None = None
    """How the detector is used, where that was chosen after it was trained; unset: as in its run."""
    recognizer: str
    """State of the trained recognizer, relative to --runs."""
    second: SecondConfig | None = None
    """Reads again what the recognizer is in doubt of, with the same language model; unset: nothing is read again."""
    classifier: str = ""
    """State of the trained direction classifier, relative to --runs; empty: none."""
    language: LanguageFile | None = None
    """Settles words that the recognizer is in doubt of; unset: the recognizer alone reads."""
    widths: tuple[int, ...] = ()
    """Input widths of the recognizer in service; empty: those it was trained with."""
    half: bool = False
    """Keep the weights in half precision: files of half the size, computed with in single precision as before."""
    licence: str = ""
    """Licence of the weights, as an SPDX identifier."""
    golden: GoldenText | tuple[GoldenText, ...] = "Total 12.95"
    """Text that the bundle must read in an image drawn for it; of several the first that it reads is kept."""
    floor: Share | None = None
    """What a first version must reach."""


class QuantizeConfig(GateConfig):
    """A bundle to make smaller and faster; compared with that bundle itself."""

    source: str
    """The bundle to quantize, `name[@version]`, in the same store."""
    calibrate_on: tuple[PageSource, ...] = Field(min_length=1)
    """Pages from whose activations the ranges of the integers are taken."""
    pages: int = Field(default=40, ge=1)
    """So many of them from each source at most."""
    keep: tuple[str, ...] = ()
    """Regular expressions of ONNX node names that stay in floating point."""
