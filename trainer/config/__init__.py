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
from trainer.config.language import LanguageConfig
from trainer.config.load import (
    load_config,
    load_language_config,
    load_publish_config,
    load_quantize_config,
    parse_config,
)
from trainer.config.publish import GateConfig, LanguageFile, PublishConfig, QuantizeConfig, SecondConfig
from trainer.config.runs import AnyRun, ClassifierRun, DetectorRun, RecognizerRun, RunConfig
from trainer.config.sections import ComputeConfig, OptimizerConfig, ScheduleConfig, Strict

__all__ = [
    "AnyRun",
    "ClassifierData",
    "ClassifierRun",
    "ComputeConfig",
    "DetectorData",
    "DetectorRun",
    "GateConfig",
    "LabelledSource",
    "LanguageConfig",
    "LanguageFile",
    "LineSource",
    "OptimizerConfig",
    "PageSource",
    "PdfLinesSource",
    "PdfPagesSource",
    "PublishConfig",
    "QuantizeConfig",
    "RecognizerData",
    "RecognizerRun",
    "RenderedLinesSource",
    "RenderedPagesSource",
    "RunConfig",
    "ScheduleConfig",
    "SecondConfig",
    "Strict",
    "load_config",
    "load_language_config",
    "load_publish_config",
    "load_quantize_config",
    "parse_config",
]
