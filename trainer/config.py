"""The typed configuration of a run, read from TOML. Unknown keys are refused; every option is described at its place.

Letters: N images in a batch, H and W pixels, T frames of a recognizer.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ocr_core.charset import LATIN, Charset
from trainer.errors import ConfigError
from trainer.nets.recognizer import RecognizerConfig as RecognizerNet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Frozen, refuses unknown keys, and takes the text below each field as its description."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class OptimizerConfig(Strict):
    """How gradients become steps."""

    name: Literal["adam", "adamw", "sgd"] = "adamw"
    """`adam` couples weight decay to the gradient, as the paper's L2 does; `adamw` decouples it."""
    lr: float = Field(default=2e-3, gt=0)
    """Learning rate after the warm-up."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the first and second moments; the first is the momentum of `sgd`."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decay of weights; biases and batch norm are spared."""
    clip: float = Field(default=5.0, ge=0)
    """Largest norm of the gradient, longer ones are shortened to it; 0: no limit."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the moving average of the weights, which is what is judged and exported; 0: none."""


class ScheduleConfig(Strict):
    """The learning rate over the steps."""

    steps: int = Field(ge=1)
    """Optimiser steps of the whole run."""
    kind: Literal["cosine", "piecewise"] = "cosine"
    """`cosine` falls smoothly (the paper's detector); `piecewise` by factors (its recognizer)."""
    warmup: int = Field(default=0, ge=0)
    """Steps of linear rise from 0 at the start."""
    floor: Share = 0.0
    """Share of the learning rate where the cosine ends."""
    drops: tuple[Share, ...] = (0.875,)
    """Shares of the steps at which `piecewise` drops; the paper's 700 of 800 epochs."""
    factor: float = Field(default=0.1, gt=0, lt=1)
    """What each drop multiplies the learning rate by."""


class ComputeConfig(Strict):
    """Where and how fast; none of it belongs to the recipe, so a run may be resumed with other values."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU where there is one."""
    threads: int = Field(default=0, ge=0)
    """Threads of a step on the CPU; 0: one for each core that the workers leave."""
    workers: int = Field(default=1, ge=0)
    """Processes that prepare data; 0: prepared between the steps. The samples are the same for any number."""
    amp: Literal["off", "bf16"] = "off"
    """Mixed precision. Pays on GPUs and on CPUs with matrix units."""
    channels_last: bool = True
    """Store images channels last: faster convolutions on most hardware."""
    log_every: int = Field(default=50, ge=1)
    """Steps between two lines of the log."""
    validate_every: int = Field(default=1000, ge=1)
    """Steps between two validations; the last step is always validated."""
    save_every: int = Field(default=500, ge=1)
    """Steps between two checkpoints; the last step, and a run told to stop, are always saved."""


class LabelledSource(Strict):
    """Labelled images on disk."""

    kind: Literal["labels", "paddle", "icdar"]
    """`labels`: a folder with labels.jsonl; `paddle`: PaddleOCR's label file; `icdar`: a folder of images and gt_*.txt."""
    path: str
    """The folder or label file, relative to --data."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the samples drawn from this source, relative to the others."""
    rows: Literal["train", "validate", "all"] = "train"
    """`train` leaves out the images that validate: sha1 of the file name, as a number, mod 8 is 0."""
    limit: int = Field(default=0, ge=0)
    """Take the first so many samples; 0: all."""


class RenderedSource(Strict):
    """Lines or pages drawn by `trainer.render`, as many as are asked for."""

    kind: Literal["rendered"]
    """Drawn text."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the samples drawn from this source, relative to the others."""
    fonts: str = ""
    """Folder of fonts, relative to --data; empty: the installed fonts, `matplotlib`: the few that it brings."""
    mix: dict[str, float] = {}
    """Weights of the domains of `trainer.render`; empty: its default mix."""
    max_length: int = Field(default=96, ge=1)
    """Characters of a line at most."""
    short_first: int = Field(default=0, ge=0)
    """So many lines at the start have `short_length` characters at most: letters are learned sooner on short lines."""
    short_length: int = Field(default=10, ge=1)
    """Characters of the first lines at most."""
    count: int = Field(default=0, ge=0)
    """Draw only so many different samples, again and again; 0: never the same twice."""


Source = Annotated[LabelledSource | RenderedSource, Field(discriminator="kind")]


class RecognizerData(Strict):
    """Lines to learn from and lines to be judged on."""

    train: tuple[Source, ...] = Field(min_length=1)
    """Sources of training lines."""
    validate_on: tuple[Source, ...] = Field(min_length=1)
    """Sources of validation lines; a rendered one needs `count`."""
    batch: int = Field(default=32, ge=1)
    """Lines in a batch (of each process)."""
    group: int = Field(default=16, ge=1)
    """Batches prepared together: their lines are sorted by width so that a batch wastes little padding."""
    widths: tuple[int, ...] = (48, 96, 160, 240, 320, 480, 640, 960)
    """Widths in pixels to which batches are padded; longer lines are left out and counted."""
    augment: Share = 0.4
    """Probability of each augmentation of labelled crops (facts 6.3); rendered lines bring their own."""


class RecognizerMethodConfig(Strict):
    """What is minimised."""

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
    """Weight of the center loss (PP-OCRv2, eq. 6)."""


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


class RecognizerRun(RunConfig):
    """Train a recognizer of text lines."""

    task: Literal["recognizer"]
    """This kind of run."""
    characters: str = LATIN
    """Characters that can be read, in the order of their classes 1, 2, ...; the default is `ppocrv2-en`'s charset."""
    net: RecognizerNet = RecognizerNet()
    """The student."""
    method: RecognizerMethodConfig = RecognizerMethodConfig()
    """What is minimised."""
    data: RecognizerData
    """What is read."""

    @property
    def charset(self) -> Charset:
        """The characters as classes, the blank first."""
        return Charset(self.characters)


AnyRun = RecognizerRun


def load_config(path: Path, overrides: Sequence[str] = ()) -> AnyRun:
    """Read a TOML file; each override is `dotted.key=TOML value`.

    Raises:
        ConfigError: no such file, not TOML, or not a configuration; the message names every wrong key.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        for override in overrides:
            _override(table, override)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse_config(table, str(path))


def parse_config(table: dict[str, Any], origin: str = "configuration") -> AnyRun:
    """Validate a parsed table.

    Raises:
        ConfigError: with one line for each problem.
    """
    try:
        # Through JSON, so that TOML's arrays become tuples without loosening the checks of other types.
        return TypeAdapter(AnyRun).validate_json(json.dumps(table, default=str), strict=False)
    except ValidationError as error:
        problems = "\n".join(f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{origin}:\n{problems}") from error


def _override(table: dict[str, Any], text: str) -> None:
    key, _, value = text.partition("=")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a bare word stands for a string
    *parents, last = key.strip().split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
    table[last] = parsed
