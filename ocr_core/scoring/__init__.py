"""Figures of quality: text F1, detection and end-to-end Hmean, crop accuracy; and the sets they are measured on."""

from ocr_core.scoring.datasets import CropRow, CropSet, LabelledSet, PageRow, PageSet, Region, read_set
from ocr_core.scoring.evaluate import EngineReader, Reader, Report, evaluate
from ocr_core.scoring.scorers import CropScorer, DetectionScorer, PageScorer, RecognitionScorer
from ocr_core.scoring.tally import Tally
from ocr_core.scoring.text import edit_distance

__all__ = [
    "CropRow",
    "CropScorer",
    "CropSet",
    "DetectionScorer",
    "EngineReader",
    "LabelledSet",
    "PageRow",
    "PageScorer",
    "PageSet",
    "Reader",
    "RecognitionScorer",
    "Region",
    "Report",
    "Tally",
    "edit_distance",
    "evaluate",
    "read_set",
]
