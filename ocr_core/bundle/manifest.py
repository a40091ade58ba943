"""What a model bundle says of itself: `manifest.json`, schema 1.

The manifest is the contract between the trainer, which writes bundles, and the service, which reads them. Everything
that must be the same on both sides travels here: colour order, normalisation, resize rule, thresholds, characters.
Unknown fields are refused, so that a bundle written by a later release is never half understood.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from ocr_core.specs import (
    UNRESERVED,
    ClassifierSpec,
    DetectorSpec,
    File,
    RecognizerSpec,
    SecondRecognizerSpec,
    Sha256,
    Strict,
)

SCHEMA_VERSION: Final = 1

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"), UNRESERVED]


class Models(Strict):
    """The networks of a bundle."""

    detector: DetectorSpec
    recognizer: RecognizerSpec
    classifier: ClassifierSpec | None = None
    second: SecondRecognizerSpec | None = None


class Golden(Strict):
    """A small image and the lines that it must give, in reading order: read when a bundle is taken up."""

    image: File
    text: tuple[str, ...]


class Origin(Strict):
    """Where a bundle comes from."""

    tool: str
    """What wrote it, as `program version`."""
    source: str
    """A commit of this repository, or the package or files that were imported."""
    config_sha256: Sha256 | None = None
    """Hash of the training configuration, for bundles trained here."""
    licence: str = ""


class Score(Strict):
    """One figure, measured on one set through the pipeline that serves."""

    dataset: str
    metric: str
    value: float
    images: int = Field(ge=1)


class Manifest(Strict):
    """The whole of `manifest.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Name
    version: Version
    created: datetime
    origin: Origin
    models: Models
    golden: Golden
    scores: tuple[Score, ...] = ()

    def files(self) -> tuple[File, ...]:
        """Every file of the bundle but the manifest itself."""
        readers = [reader for reader in (self.models.recognizer, self.models.second) if reader is not None]
        networks = [self.models.detector, *readers, *([self.models.classifier] if self.models.classifier else [])]
        # Both readers may share one language model.
        models = dict.fromkeys(reader.language.model for reader in readers if reader.language is not None)
        return (*(network.weights for network in networks), *models, self.golden.image)

    @model_validator(mode="after")
    def _one_content_a_file(self) -> Manifest:
        names = [file.file for file in set(self.files())]
        if len(names) != len(set(names)):
            raise ValueError("two files of different content have the same name")
        return self
