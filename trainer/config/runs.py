"""The configuration of a run, one class for each kind of network."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from ocr_core.charset import LATIN, TECHNICAL, Charset
from trainer.config.data import ClassifierData, DetectorData, RecognizerData
from trainer.config.sections import ComputeConfig, OptimizerConfig, ScheduleConfig, Share, Strict
from trainer.nets.detector import DetectorConfig
from trainer.nets.recognizer import RecognizerConfig


class RunConfig(Strict):
    """What every task has."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Names the run."""
    seed: int = Field(default=0, ge=0)
    """Decides the random start and every sample."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are averaged before a step."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """How gradients become steps."""
    schedule: ScheduleConfig
    """The learning rate over the steps."""
    compute: ComputeConfig = ComputeConfig()
    """Where and how fast."""

    @property
    def recipe_sha256(self) -> str:
        """Hash of everything that decides the weights: all but `compute`."""
        return hashlib.sha256(self.model_dump_json(exclude={"compute"}).encode()).hexdigest()


class RecognizerMethod(Strict):
    """What a recognizer minimises."""

    distill: Literal["none", "udml"] = "none"
    """`udml`: two networks learn from the labels and from each other (PP-OCRv2, section 2.2)."""
    framewise: float = Field(default=0.0, ge=0)
    """Weight of the cross-entropy at the glyphs' known places in rendered lines; it fades out.

    CTC is summed over a line and this is a mean over characters, so that some 10 weigh alike.
    """
    framewise_until: Share = 0.8
    """Share of the steps at which the framewise term has faded out."""
    centers: str = ""
    """File of class centers written by `trainer centers`, for Enhanced CTC; empty: plain CTC."""
    center_weight: float = Field(default=0.05, ge=0)
    """Weight of the center loss (PP-OCRv2, eq. 10)."""


class RecognizerRun(RunConfig):
    """Train a recognizer of text lines."""

    task: Literal["recognizer"]
    """This kind of run."""
    characters: str = TECHNICAL
    """Characters that can be read, in the order of their classes 1, 2, ...; the default is `ppocrv2-en`'s charset."""
    net: RecognizerConfig = RecognizerConfig()
    """The student."""
    method: RecognizerMethod = RecognizerMethod()
    """What is minimised."""
    data: RecognizerData
    """What is read."""

    @property
    def charset(self) -> Charset:
        """The characters as classes, the blank first."""
        return Charset(self.characters)


class DetectorMethod(Strict):
    """What a detector minimises."""

    distill: Literal["none", "dml", "cml"] = "none"
    """`dml`: two students learn from each other; `cml`: and from a teacher (PP-OCRv2, section 2.1)."""
    shrink_loss: Literal["bce", "dice"] = "bce"
    """Loss of the probability map: `bce` with hard negatives, as in the paper, or `dice`, as released (facts D1)."""
    dml_weight: float = Field(default=1.0, ge=0)
    """Weight of what draws the two students to each other; 1 in the paper."""
    teacher: str = ""
    """For `cml`: the state of a trained detector, or `maps` for maps on disk (for rendered pages: the truth)."""
    dilate: bool = True
    """Grow the teacher's regions by a pixel, as the paper does; not where they are as large as the labels' already."""


class DetectorServing(Strict):
    """How the detector is used once it is trained: by validation, and in the bundle's manifest."""

    min_side: int = Field(default=0, ge=0)
    """A page is enlarged until its short side has so many pixels."""
    max_side: int = Field(default=960, ge=32)
    """A page is shrunk until its long side has at most so many pixels."""
    max_pixels: int = Field(default=0, ge=0)
    """And until both sides together have at most so many; 0: no such bound."""
    fine_pixels: int = Field(default=0, ge=0)
    """The same bound where a page is searched again because its lines are small; 0: it never is."""
    fine_below: float = Field(default=12.0, gt=0)
    """Lines are small if half of them are lower than so many pixels of the search."""
    threshold: float = Field(default=0.3, gt=0, lt=1)
    """Pixels of the map above it are text."""
    split_threshold: float = Field(default=0.0, ge=0, lt=1)
    """Above it, lines that touch below it are told apart; 0: never, as in DB."""
    score: Literal["fast", "slow"] = "fast"
    """A box's score: the mean of the map over its rectangle, or over its core alone."""
    box_threshold: float = Field(default=0.6, ge=0, lt=1)
    """Boxes with a lower mean of the map are dropped."""
    unclip_ratio: float = Field(default=1.5, gt=0)
    """How far a core is grown back to its text (facts 4.1)."""
    lengthen: float = Field(default=0.0, ge=0)
    """Pixels of the search added at both ends of a long line."""
    dilate: bool = False
    """Grow the thresholded map by one pixel first."""
    faint_threshold: float = Field(default=0.0, ge=0, lt=1)
    """In the place of `threshold` where a page of few lines is looked over for faint text; 0: it never is."""
    faint_box_threshold: float = Field(default=0.3, ge=0, lt=1)
    """In the place of `box_threshold` then."""
    faint_most_lines: int = Field(default=12, ge=0)
    """A page that shows more lines is not looked over."""


class DetectorRun(RunConfig):
    """Train a detector of text lines."""

    task: Literal["detector"]
    """This kind of run."""
    net: DetectorConfig = DetectorConfig()
    """The student."""
    method: DetectorMethod = DetectorMethod()
    """What is minimised."""
    serving: DetectorServing = DetectorServing()
    """How its maps become boxes."""
    data: DetectorData
    """What is read."""


class ClassifierRun(RunConfig):
    """Train the direction classifier."""

    task: Literal["classifier"]
    """This kind of run."""
    characters: str = LATIN
    """Characters of the lines that are drawn, or taken from labelled images."""
    threshold: float = Field(default=0.9, ge=0.5, lt=1)
    """In service, lines are turned if they are upside down with a higher probability."""
    data: ClassifierData
    """What is read."""


AnyRun = Annotated[ClassifierRun | DetectorRun | RecognizerRun, Field(discriminator="task")]
