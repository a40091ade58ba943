"""The plugin in the real OCRmyPDF; a service reads. Whole runs need the programs that OCRmyPDF calls."""

from __future__ import annotations

import io
import shutil
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2
import pytest
from answering import answering, body

from ocr_core.formats.base import Original
from ocr_core.formats.image_page import add_image_page
from ocr_core.pipeline.result import Page

ocrmypdf = pytest.importorskip("ocrmypdf")
pytestmark = pytest.mark.filterwarnings("ignore")
needs_programs = pytest.mark.skipif(
    not (shutil.which("tesseract") and shutil.which("gs")), reason="OCRmyPDF needs Tesseract and Ghostscript"
)

SIZE = (600, 400)
INSTALLED = entry_points(group="ocrmypdf", name="ocr_service")
PLUGINS = [] if INSTALLED else ["service.ocrmypdf.plugin"]
"""Not twice: OCRmyPDF finds the plugin itself where this package was installed with its entry points."""


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A PDF of one picture, 200 pixels an inch."""
    import PIL.Image

    with io.BytesIO() as file:
        PIL.Image.fromarray(np.full(SIZE[::-1], 250, np.uint8)).save(file, "PNG", dpi=(200, 200))
        original = Original(name="scan", data=file.getvalue())
    with pikepdf.new() as pdf:
        add_image_page(pdf, original, Page(width=SIZE[0], height=SIZE[1], rotation=0, lines=()))
        pdf.save(tmp_path / "scan.pdf")
    return tmp_path / "scan.pdf"


def run(scan: Path, **options: object) -> tuple[str, tuple[float, ...], str]:
    """Return the text of what OCRmyPDF makes, the box of its first character, and the text beside it."""
    target, beside = scan.with_name("out.pdf"), scan.with_name("out.txt")
    with answering((200, {}, body(*SIZE))) as (url, asked):
        code = ocrmypdf.ocr(
            scan,
            target,
            plugins=PLUGINS,
            ocr_service_url=url,
            sidecar=beside,
            progress_bar=False,
            jobs=1,
            output_type="pdf",
            **options,
        )
    assert code == 0
    assert asked
    with pypdfium2.PdfDocument(target) as document:
        found = document[0].get_textpage()
        return found.get_text_range(), found.get_charbox(0), beside.read_text()


@needs_programs
@pytest.mark.parametrize("renderer", ["auto", "sandwich"])
def test_words_are_written_where_the_service_saw_them(scan: Path, renderer: str) -> None:
    text, (left, bottom, _, _), beside = run(scan, pdf_renderer=renderer)
    assert text.split() == ["Hello", "world"]
    assert beside.split() == ["Hello", "world"]
    assert left == pytest.approx(100 * 72 / 200, abs=4)  # an H begins a little later
    assert bottom == pytest.approx((SIZE[1] - 150) * 72 / 200, abs=6)


def test_hocr_says_the_same(tmp_path: Path) -> None:
    from service.ocrmypdf.plugin import ServiceEngine

    image = tmp_path / "x.png"
    image.write_bytes(b"an image")
    with answering((200, {}, body(*SIZE))) as (url, _):
        options = type("Options", (), {"ocr_service_url": url})()
        ServiceEngine.generate_hocr(image, tmp_path / "x.hocr", tmp_path / "x.txt", options)
    assert "bbox 100 100 300 150" in (tmp_path / "x.hocr").read_text()
    assert (tmp_path / "x.txt").read_text() == "Hello world\n"


def test_a_page_is_a_tree(tmp_path: Path) -> None:
    import PIL.Image

    from service.ocrmypdf.plugin import ServiceEngine

    PIL.Image.new("L", SIZE).save(tmp_path / "x.png", dpi=(200, 100))
    with answering((200, {}, body(*SIZE))) as (url, _):
        options = type("Options", (), {"ocr_service_url": url})()
        page, text = ServiceEngine.generate_ocr(tmp_path / "x.png", options, page_number=3)
    assert (page.ocr_class, page.page_number, round(page.dpi), text) == ("ocr_page", 3, 200, "Hello world\n")
    assert [(word.text, word.bbox.left, word.bbox.right) for word in page.iter_by_class("ocrx_word")] == [
        ("Hello", 100, 300),
        ("world", 320, 500),
    ]
    (line,) = page.iter_by_class("ocr_line")
    assert (line.bbox.top, line.bbox.bottom, line.baseline.slope, line.textangle) == (100, 150, 0, None)


def test_a_page_tells_how_it_lies(tmp_path: Path) -> None:
    from service.ocrmypdf.plugin import ServiceEngine

    falling = body(*SIZE)
    (line,) = falling["pages"][0]["lines"]
    falling["pages"][0] |= {"rotation": 90, "lines": [line | {"polygon": [[0, 0], [100, 10], [99, 20], [-1, 10]]}] * 3}
    (tmp_path / "x.png").write_bytes(b"an image")
    with answering((200, {}, falling)) as (url, _):
        options = type("Options", (), {"ocr_service_url": url})()
        assert ServiceEngine.get_orientation(tmp_path / "x.png", options).angle == 90
        assert ServiceEngine.get_deskew(tmp_path / "x.png", options) == pytest.approx(5.71, abs=0.01)


def test_another_engine_may_be_asked_for() -> None:
    from service.ocrmypdf.plugin import get_ocr_engine

    assert get_ocr_engine(type("Options", (), {"ocr_engine": "tesseract"})()) is None
    assert "ocr-service" in str(get_ocr_engine(type("Options", (), {"ocr_engine": "auto"})()))


@needs_programs
def test_without_a_model_nothing_is_begun(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_MODEL_STORE", str(scan.parent / "no store"))
    with pytest.raises(ocrmypdf.exceptions.MissingDependencyError, match="OCR_MODEL_STORE"):
        ocrmypdf.ocr(scan, scan.with_name("out.pdf"), plugins=PLUGINS, progress_bar=False)
