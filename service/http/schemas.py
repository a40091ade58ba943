"""The bodies of requests and responses, as the OpenAPI document shows them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from ocr_core.bundle.reader import Bundle
from ocr_core.pages.preview import SIDE as PREVIEW_SIDE
from ocr_core.pages.selection import MAX_LENGTH as MAX_SELECTION
from ocr_core.pipeline import result
from service.http.problems import Problem
from service.settings import MODEL_PATTERN, VERSION_PATTERN

DEFAULTS = result.ReadOptions()
Source = result.Source


class ReadFields(BaseModel):
    """Choices of a request: query parameters, and fields of a form or a JSON object, which win over the query."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    detect: bool = Field(default=DEFAULTS.detect, description="`false` reads the whole image as one line.")
    min_confidence: float = Field(
        default=DEFAULTS.min_confidence, ge=0, le=1, description="Lines below this confidence are left out."
    )
    words: bool = Field(default=DEFAULTS.words, description="Give the words of each line with boxes of their own.")
    language: bool = Field(
        default=DEFAULTS.language,
        description="Settle doubtful words by the model's knowledge of languages, if it has any; `false` gives what "
        "the recognizer alone sees, as for serial numbers and codes.",
    )
    model: str | None = Field(
        default=None, pattern=MODEL_PATTERN, description="`name[@version]`: fail unless this model answers."
    )
    format: Literal["json", "text", "markdown", "tsv", "hocr", "alto", "pdf"] | None = Field(
        default=None, description="Form of the answer. Left out, `Accept` tells, and without that it is JSON."
    )
    pages: str | None = Field(
        default=None,
        max_length=MAX_SELECTION,
        description="Pages of each file, such as `3`, `1-5,9` or `3-`; all if left out.",
    )
    password: str | None = Field(
        default=None,
        max_length=1000,
        description="Opens encrypted PDFs. Rather a field of the form than of the query, which proxies write down.",
    )
    text_layer: Literal["auto", "ignore", "only"] = Field(
        default="auto",
        description="Text that a PDF carries: `auto` takes it where it can be trusted and reads the rest, `ignore` "
        "reads all, `only` reads nothing.",
    )
    preview: bool = Field(
        default=False,
        description="Give each page a small picture of itself, for programs that show it. With answers as "
        "`application/x-ndjson` alone.",
    )


Base64File = Annotated[
    bytes,
    Field(description="The file, in base64.", json_schema_extra={"format": "base64", "contentEncoding": "base64"}),
]


def from_base64(value: object) -> bytes:
    """Return what a field holds.

    Raises:
        PydanticCustomError: it is no base64.
    """
    if not isinstance(value, str):
        raise PydanticCustomError("base64", "must be a string")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PydanticCustomError("base64", "is not base64") from error


class JsonUpload(ReadFields):
    """An image or a PDF inside a JSON object."""

    image: Base64File

    @field_validator("image", mode="before")
    @classmethod
    def _from_base64(cls, value: object) -> bytes:
        return from_base64(value)


Point = tuple[float, float]
Polygon = Annotated[
    tuple[Point, Point, Point, Point],
    Field(
        description="Corners x, y clockwise from the top left of the text as it is read, in pixels of the upload as a "
        "person sees it: after its EXIF orientation, before any other turn."
    ),
]
Confidence = Annotated[float, Field(ge=0, le=1, description="Mean probability of the characters.")]


class Word(BaseModel):
    """A run of characters without white space."""

    text: str
    confidence: Confidence
    polygon: Polygon


class Line(BaseModel):
    """A line of text."""

    text: str
    confidence: Confidence
    polygon: Polygon
    words: list[Word] = Field(description="Empty unless the request says `words=true`.")
    source: Source | None = Field(default=None, description="On pages with `source` `embedded`: whence the line is.")


class Page(BaseModel):
    """What one page of one file gave. A failed page has `error`, no size and empty `lines`."""

    file: str = Field(description="Name that the upload came with; `image-1` and so on for those without.")
    page: int = Field(default=1, ge=1, description="Page within the file, from 1.")
    width: int | None = Field(default=None, description="Pixels, after the EXIF orientation.")
    height: int | None = Field(default=None, description="Pixels, after the EXIF orientation.")
    rotation: Literal[0, 90, 180, 270] | None = Field(
        default=None, description="Degrees clockwise that would make the page upright."
    )
    source: Source | None = Field(
        default=None,
        description="Of pages of a PDF: `embedded` where lines come from the file's own text layer, beside which text "
        "in pictures may have been read; `ocr` where all was read.",
    )
    dpi: float | None = Field(default=None, description="Of pages of a PDF: pixels an inch.")
    lines: list[Line] = Field(
        default=[], description="In reading order; empty where there is no text, and on failed pages."
    )
    preview: str | None = Field(
        default=None,
        description=f"With `preview=true`: the page as a JPEG of at most {PREVIEW_SIDE} pixels a side, in base64. "
        "Absent where it could not be drawn.",
    )
    error: Problem | None = Field(default=None, description="Why the page could not be read; absent where it was.")

    @classmethod
    def of(cls, file: str, page: result.Page, preview: bytes | None = None) -> Page:
        """Return the page as it is sent."""
        mixed = page.source == "embedded"
        lines = [_line(line) | ({"source": line.source} if mixed else {}) for line in page.lines]
        return cls.model_validate(
            {
                "file": file,
                "page": page.number,
                "width": page.width,
                "height": page.height,
                "rotation": page.rotation,
                "source": None if page.dpi is None else page.source,
                "dpi": None if page.dpi is None else round(page.dpi, 2),
                "lines": lines,
                "preview": None if preview is None else base64.b64encode(preview).decode(),
            }
        )


class Model(BaseModel):
    """Which model answered."""

    name: str
    version: str
    digest: str = Field(description="sha256 of the bundle's manifest, which holds the sha256 of all its files.")

    @classmethod
    def of(cls, bundle: Bundle) -> Model:
        """Return how a response names `bundle`."""
        return cls(name=bundle.manifest.name, version=bundle.manifest.version, digest=bundle.digest)


class OcrResponse(BaseModel):
    """The answer of `POST /v1/ocr`."""

    pages: list[Page] = Field(description="In the order of the upload.")
    timings_ms: dict[str, float] = Field(
        description="Milliseconds in each stage, summed over the pages, and `total`, from the request's first byte."
    )
    model: Model


class StreamEnd(BaseModel):
    """The last line of an answer as `application/x-ndjson`; the lines before are pages. Without it not all came."""

    done: Literal[True] = True
    pages: int = Field(description="Lines before this one.")
    failed: int = Field(description="Those with an `error`.")
    timings_ms: dict[str, float]
    model: Model


class Score(BaseModel):
    """A figure from the model's manifest."""

    dataset: str
    metric: str
    value: float
    images: int


class ModelEntry(BaseModel):
    """A model of this service."""

    name: str
    version: str | None = Field(description="Null until it is known.")
    digest: str | None
    state: Literal["loading", "ready", "trial", "fallback", "extra", "failed", "closed"] = Field(
        description="`ready` answers for its name; so does `trial`, whose failures `fallback` reads again; `extra` "
        "answers those who ask for this version."
    )
    metrics: list[Score] = Field(description="What the model scored before it was published.")


class LoadOrder(BaseModel):
    """Which version of a model to load or unload."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str | None = Field(
        default=None,
        pattern=VERSION_PATTERN,
        description="Load: beside the one that answers for the name, for requests that ask for it; without it the "
        "store's current version is taken up for the name. Unload: this version; without it all of the name.",
    )


class ModelList(BaseModel):
    """The answer of `GET /v1/models`."""

    models: list[ModelEntry]


class Health(BaseModel):
    """A green probe."""

    status: Literal["ok"] = "ok"


class Runtime(BaseModel):
    """What computes the networks."""

    backend: str
    provider: str = Field(description="The execution provider really in use.")
    streams: int = Field(description="Inferences side by side.")
    threads: int = Field(description="Cores that they share.")


class Version(BaseModel):
    """The answer of `GET /version`."""

    version: str
    model: Model | None = Field(description="Null until it is loaded.")
    runtime: Runtime | None = Field(description="Null until the model is loaded.")


def _line(line: result.Line) -> dict[str, object]:
    return _text(line) | {"words": [_text(word) for word in line.words]}


def _text(item: result.Line | result.Word) -> dict[str, object]:
    return {"text": item.text, "confidence": _share(item.confidence), "polygon": _corners(item.quad)}


def _share(value: float) -> float:
    return min(1.0, max(0.0, round(float(value), 4)))


def _corners(quad: result.Quad) -> Sequence[Sequence[float]]:
    # A hundredth of a pixel: more digits would only be noise of float32, and bytes.
    return [[round(x, 2), round(y, 2)] for x, y in quad.astype(float).tolist()]
