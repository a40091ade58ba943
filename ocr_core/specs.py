"""What a network expects and gives: how pixels become its input, and what its output means.

These are the parts of a bundle's manifest that the steps before and after a network stand on. Unknown fields are
refused, so that a bundle written by a later release is never half understood.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MANIFEST_FILE: Final = "manifest.json"
CURRENT_FILE: Final = "current"


def _unreserved(name: str) -> str:
    # Compared without case: some file systems do not tell "Current" from "current".
    if name.lower() in (MANIFEST_FILE, CURRENT_FILE):
        raise ValueError(f"{name!r} is a name that the store uses itself")
    return name


UNRESERVED: Final = AfterValidator(_unreserved)
"""Refuses the names of the two files that a store writes beside those of bundles."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"), UNRESERVED]
"""A plain file name: no separator, so that a manifest cannot point out of its folder."""


class Strict(BaseModel):
    """Frozen, and refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class File(Strict):
    """One file of the bundle."""

    file: FileName
    sha256: Sha256
    bytes: int = Field(ge=0)


class Normalization(Strict):
    """From uint8 pixels to a float32 tensor: `(pixel · scale − mean) / std`, channel by channel in `color` order."""

    color: Literal["bgr", "rgb", "gray"] = "bgr"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    @property
    def channels(self) -> int:
        """Channels of the tensor: 1 for grey, else 3."""
        return 1 if self.color == "gray" else 3

    @model_validator(mode="after")
    def _one_value_a_channel(self) -> Normalization:
        if {len(self.mean), len(self.std)} != {self.channels}:
            raise ValueError(f"mean and std need {self.channels} values for colour order {self.color!r}")
        if 0.0 in self.std:
            raise ValueError("std must not be zero")
        return self


class NetworkSpec(Strict):
    """An ONNX file and how to feed it. Input N×C×H×W float32."""

    weights: File
    opset: int
    input: str
    output: str
    normalization: Normalization


class DetectorResize(Strict):
    """Pixels in which a page is searched, before both sides are rounded to multiples.

    A page is enlarged until its short side has `min_side` pixels, then shrunk until its long side has at most
    `max_side` and both together at most `max_pixels`; where the rules disagree, the later wins.
    """

    min_side: int = Field(default=0, ge=0)
    max_side: int = Field(default=960, ge=32)
    max_pixels: int | None = Field(default=None, ge=1024)
    """Bounds time and memory: with it, `max_side` may be larger, which long receipts need."""
    fine_pixels: int | None = Field(default=None, ge=1024)
    """Takes the place of `max_pixels` where a page is searched again because its lines are small; none: it never is."""
    fine_below: float = Field(default=12.0, gt=0)
    """Pixels of the search that half of the lines found are lower than, if they are small."""
    multiple: int = Field(default=32, ge=1)


class FaintText(Strict):
    """How a page of few lines is looked over for text that the detector is unsure of; the recognizer judges it then."""

    threshold: float = Field(gt=0, lt=1)
    box_threshold: float = Field(ge=0, lt=1)
    """Both in the place of the detector's own."""
    most_lines: int = Field(default=12, ge=0)
    """A page that shows more is not looked over."""

    def thresholds(self) -> dict[str, float]:
        """Return the two thresholds by their names in the detector's entry."""
        return {"threshold": self.threshold, "box_threshold": self.box_threshold}


class DetectorSpec(NetworkSpec):
    """A DB detector: output N×1×H×W, the probability that a pixel lies in the shrunk core of a line."""

    resize: DetectorResize = DetectorResize()
    threshold: float = Field(default=0.3, gt=0, lt=1)
    split_threshold: float | None = Field(default=None, gt=0, lt=1)
    """Above it, cores of lines that touch are told apart; none: they are taken as one line, as DB does."""
    score: Literal["fast", "slow"] = "fast"
    """Mean of the map over the core's rectangle, or over the core itself, which does not punish bent lines."""
    box_threshold: float = Field(default=0.6, ge=0, lt=1)
    unclip_ratio: float = Field(default=1.5, gt=0)
    lengthen: float = Field(default=0.0, ge=0)
    """Pixels of the search added at both ends of a long line, where hyphens and full stops are lost first."""
    dilate: bool = False
    faint: FaintText | None = None
    """None: pages are not looked over."""
    max_candidates: int = Field(default=1000, ge=1)


class Language(Strict):
    """A language model and how much it counts: P(text | image) · P(text)^weight · e^(bonus · length)."""

    model: File
    weight: float = Field(gt=0)
    bonus: float


class RecognizerSpec(NetworkSpec):
    """A CTC recognizer: output N×T×C, rows of probabilities (or logits) over the blank and the characters."""

    height: int = Field(ge=8)
    widths: tuple[int, ...] = Field(min_length=1)
    """Widths in pixels, ascending, to which lines are padded; wider lines are read in overlapping windows."""
    output_kind: Literal["probabilities", "logits"] = "probabilities"
    blank: Literal[0] = 0
    characters: tuple[str, ...] = Field(min_length=1)
    """Texts of classes 1 to C − 1."""
    language: Language | None = None
    """Settles what the network is in doubt of; none: the network alone decides."""

    @model_validator(mode="after")
    def _widths_ascend(self) -> RecognizerSpec:
        if list(self.widths) != sorted(set(self.widths)) or self.widths[0] < 1:
            raise ValueError("widths must be positive and ascending")
        return self


class SecondRecognizerSpec(RecognizerSpec):
    """A recognizer that is better and slower than the first, and reads again what that is in doubt of."""

    below: float = Field(gt=0, le=1)
    """A line is in doubt if the first finds one of its characters less probable than this, or none at all."""


class ClassifierSpec(NetworkSpec):
    """A direction classifier of line crops: output N×2, the probabilities of 0 and 180 degrees."""

    height: int = Field(ge=8)
    width: int = Field(ge=8)
    threshold: float = Field(default=0.9, ge=0.5, lt=1)
