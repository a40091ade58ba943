"""OCRmyPDF's hooks. With this package installed beside it, `ocrmypdf` reads with the engine of this package.

`--ocr-engine tesseract` leaves the reading to Tesseract again. The model is that of the settings (`OCR_MODEL_STORE`,
`OCR_MODEL`); `--ocr-service-url` lets a running service read instead, and then none is loaded here.
"""

from __future__ import annotations

import argparse
import logging
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ocrmypdf import hookimpl
from ocrmypdf.exceptions import BadArgsError, MissingDependencyError, SubprocessOutputError
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence

from ocr_core.cpu import available_cores
from ocr_core.errors import OcrError
from ocr_core.formats.base import Original
from ocr_core.formats.hocr import HocrWriter
from ocr_core.formats.structure import angle_of
from ocr_core.formats.text import page_text
from ocr_core.pipeline.result import Page
from ocr_core.version import program_version
from service.engine.loading import open_model_store
from service.ocrmypdf.reading import engine_threads, read_file
from service.settings import load_settings

log = logging.getLogger(__name__)

URL = "ocr_service_url"
THREADS = "ocr_service_threads"
"""Names of the options, the second of which is computed."""

CERTAIN = 15.0
"""OCRmyPDF's measure of a sure orientation; it turns pages from 14 on."""
LEAST_LINES = 3
"""Lines from which a page says how it lies, and how slanted."""


@hookimpl
def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this plugin."""
    group = parser.add_argument_group("OCR service", "Reading with the engine of ocr-service")
    group.add_argument(
        "--ocr-service-url",
        metavar="URL",
        help="Let the service at this address read, such as http://127.0.0.1:8000, instead of an engine in each "
        "worker. OCR_SERVICE_KEY holds its API key.",
    )


@hookimpl
def check_options(options: Any) -> None:
    """Refuse what cannot work before the first page."""
    if not _is_chosen(options):
        return
    url = _option(options, URL)
    if url is not None and not url.startswith(("http://", "https://")):
        raise BadArgsError(f"--ocr-service-url: {url} is no http address")
    if url is None:
        try:
            settings = load_settings()
            open_model_store(settings).open(settings.model)
        except (OcrError, OSError, ValueError) as error:
            hint = "set OCR_MODEL_STORE to a folder of models, or give --ocr-service-url"
            raise MissingDependencyError(f"no model to read with ({error}); {hint}") from error


@hookimpl
def validate(pdfinfo: Sequence[Any], options: Any) -> None:
    """Share the cores among the workers: all of them read at the same time."""
    workers = min(len(pdfinfo), options.jobs or available_cores())
    _set_option(options, THREADS, engine_threads(1 if getattr(options, "use_threads", False) else workers))


@hookimpl
def get_ocr_engine(options: Any = None) -> OcrEngine | None:
    """Return the engine, unless another one was asked for."""
    return ServiceEngine() if _is_chosen(options) else None


class ServiceEngine(OcrEngine):
    """Reads with the pipeline of `ocr_core`."""

    @staticmethod
    def version() -> str:
        """Return the version of this package."""
        return program_version()

    @staticmethod
    def creator_tag(options: Any) -> str:  # noqa: ARG004
        """Return what the document says of its maker."""
        return f"ocr-service {program_version()}"

    def __str__(self) -> str:
        """Return a name for people."""
        return f"ocr-service {program_version()}"

    @staticmethod
    def languages(options: Any) -> set[str]:
        """Return whatever is asked for: a model reads all its languages at once, and needs no choice."""
        return {"eng", *(getattr(options, "languages", None) or ())}

    @staticmethod
    def get_orientation(input_file: Path, options: Any) -> OrientationConfidence:
        """Return how the page must be turned."""
        page = _read(input_file, options)
        sure = len(page.lines) >= LEAST_LINES
        return OrientationConfidence(angle=page.rotation, confidence=CERTAIN if sure else 0.0)

    @staticmethod
    def get_deskew(input_file: Path, options: Any) -> float:
        """Return by how many degrees to turn the page counter-clockwise: by the median of what its lines fall."""
        page = _read(input_file, options)
        slopes = [angle_of(line.quad) for line in page.lines]
        slopes = [slope for slope in slopes if abs(slope) < 45]
        return -statistics.median(slopes) if len(slopes) >= LEAST_LINES else 0.0

    @staticmethod
    def supports_generate_ocr() -> bool:
        """Say that pages come as trees, to versions that ask."""
        return True

    @staticmethod
    def generate_ocr(input_file: Path, options: Any, page_number: int = 0) -> tuple[Any, str]:
        """Return the page as a tree of elements, and its text."""
        from service.ocrmypdf.elements import page_element

        page = _read(input_file, options)
        return page_element(page, _dpi(input_file), page_number), page_text(page)

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: Any) -> None:
        """Write the page as hOCR, and its text."""
        page = _read(input_file, options)
        writer = HocrWriter()
        original = Original(name=input_file.name, data=b"")
        output_hocr.write_bytes(writer.page(original, page) + b"".join(writer.end()))
        output_text.write_text(page_text(page), encoding="utf-8")

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: Any) -> None:
        """Write a PDF with the text alone, as large as the image, and the text."""
        from ocr_core.formats.searchable_pdf import text_only_pdf

        page = _read(input_file, options)
        output_pdf.write_bytes(text_only_pdf(page, _dpi(input_file)))
        output_text.write_text(page_text(page), encoding="utf-8")


def _read(image: Path, options: Any) -> Page:
    try:
        return read_file(image, url=_option(options, URL), threads=_option(options, THREADS))
    except (OcrError, OSError) as error:
        raise SubprocessOutputError(f"the page cannot be read: {error}") from error


def _dpi(image: Path) -> tuple[float, float]:
    """Return the pixels an inch that OCRmyPDF wrote into an image, across and down."""
    import PIL.Image

    with PIL.Image.open(image) as opened:
        across, down = opened.info.get("dpi", (72.0, 72.0))
    return float(across), float(down)


def _is_chosen(options: Any) -> bool:
    return getattr(options, "ocr_engine", "auto") == "auto"


def _option(options: Any, name: str) -> Any:
    return getattr(options, name, None)


def _set_option(options: Any, name: str, value: object) -> None:
    """Set an option of ours: newer versions keep those of plugins apart."""
    extra = getattr(options, "extra_attrs", None)
    if isinstance(extra, dict):
        extra[name] = value
    else:
        setattr(options, name, value)
