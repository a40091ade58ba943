"""Sections that every run has: optimiser, schedule, compute."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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
    """Mixed precision. Pays on GPUs and CPUs with instructions for it; other CPUs compute in f32, with a warning."""
    channels_last: bool = True
    """Store images channels last: faster convolutions on most hardware."""
    seconds: float = Field(default=0.0, ge=0)
    """Stop after so long as if told by SIGTERM, saved and with exit code 75; 0: run to the end."""
    report: bool = True
    """Write the run's report at the end, for which all validation data is judged once more."""
    log_every: int = Field(default=50, ge=1)
    """Steps between two lines of the log."""
    validate_every: int = Field(default=1000, ge=1)
    """Steps between two validations; the last step is always validated."""
    save_every: int = Field(default=500, ge=1)
    """Steps between two checkpoints; the last step, and a run told to stop, are always saved."""
