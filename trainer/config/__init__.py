"""The typed configuration of a run, read from TOML. Unknown keys are refused; each option is described at its place."""

from trainer.config.data import (
    ClassifierData,
    DetectorData,
    LabelledSource,
    LineSource,
    PageSource,
    PdfLinesSource,
    PdfPagesSource,
    RecognizerData,
    RenderedLinesSource,
    RenderedPagesSource,
)
from trainer.config.load import load_config, load_publish_config, parse_config
from trainer.config.publish import PublishConfig
from trainer.config.runs import AnyRun, ClassifierRun, DetectorRun, RecognizerRun, RunConfig
from trainer.config.sections import ComputeConfig, OptimizerConfig, ScheduleConfig, Strict

__all__ = [
    "AnyRun",
    "ClassifierData",
    "ClassifierRun",
    "ComputeConfig",
    "DetectorData",
    "DetectorRun",
    "LabelledSource",
    "LineSource",
    "OptimizerConfig",
    "PageSource",
    "PdfLinesSource",
    "PdfPagesSource",
    "PublishConfig",
    "RecognizerData",
    "RecognizerRun",
    "RenderedLinesSource",
    "RenderedPagesSource",
    "RunConfig",
    "ScheduleConfig",
    "Strict",
    "load_config",
    "load_publish_config",
    "parse_config",
]
