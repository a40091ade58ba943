from __future__ import annotations

import gzip

import numpy as np
import pytest
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from trainer.render.draws import sample_rng
from trainer.render.pdf import PdfLibrary
from trainer.render.pdf_renderer import PdfRenderer

CHARACTERS = frozenset("".join(map(chr, range(32, 127))))

TEXTS = ("Invoice No 4711", "Sum of all items", "12,345.00", "Thank you for coming", "sum = a + b", "One more line")
LISTING, PITCH = ("nominative(n)", "fill me = 1", "map(ill)"), 0.024
"""Set one letter a column: the PDF tells each letter, or pieces, as words."""
UNEVEN = "nominations"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pdf")
    figure = Figure(figsize=(5, 5))
    for row, text in enumerate(TEXTS):
        figure.text(0.1, 0.87 - row * 0.09, text, fontsize=12)
    figure.text(0.9, 0.85, "far right", fontsize=12, ha="right")
    figure.text(0.1, 0.08, "Ελληνικά", fontsize=12)
    figure.text(1.2, 0.5, "beyond the page", fontsize=12)
    figure.text(0.95, 0.4, "across its edge", fontsize=12)
    for row, text in enumerate((*LISTING, UNEVEN)):
        for column, letter in enumerate(text):
            off = PITCH / 3 if text == UNEVEN and column % 3 == 1 else 0.0
            figure.text(0.1 + PITCH * column + off, 0.32 - row * 0.05, letter, fontsize=12, ha="center")
    plain = folder / "plain.pdf"
    FigureCanvasPdf(figure).print_pdf(plain)
    (folder / "packed.pdf.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    return PdfLibrary.from_folders(CHARACTERS, [folder])


def test_lines_of_a_page(library):
    assert [count for _, count in library.files] == [1, 1]
    _, _, page = library.draw(sample_rng(0, 0))
    readable = {line.text: line for line in page.lines if line.readable}
    assert set(readable) == {*TEXTS, *LISTING, "far right"}, "a wide gap ends a line, foreign letters are not readable"
    (uneven,) = (line for line in page.lines if line.text.replace(" ", "") == UNEVEN)
    assert " " in uneven.text, "a PDF's letters that stand apart are told as words"
    assert not uneven.readable
    assert "across its edge" in {line.text for line in page.lines if not line.readable}
    assert "beyond the page" not in {line.text for line in page.lines}
    first = readable[TEXTS[0]]
    left, top, right, bottom = first.box
    assert left == pytest.approx(36, abs=1.5)
    assert 8 < bottom - top < 14
    assert 45 < bottom < 56
    assert first.spans.shape == (len(first.text), 2)
    assert np.all(np.diff(first.spans.reshape(-1)) >= 0)
    assert first.spans[-1, 1] == pytest.approx(right, abs=0.5)


def test_the_raster_shows_the_lines_ink(library):
    at, number, page = library.draw(sample_rng(0, 0))
    line = next(line for line in page.lines if line.text == TEXTS[0])
    image = library.raster(at, number, 3.0, line.box)
    assert image.shape[0] == pytest.approx(3 * (line.box[3] - line.box[1]), abs=2)
    assert image.min() < 100
    assert image.mean() > 120


def test_pages_and_lines_are_functions_of_seed_and_index(library):
    renderer, other = PdfRenderer(library), PdfRenderer(library, max_length=96)
    first, second = renderer.sample(1, 3, 256), other.sample(1, 3, 256)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.quads, second.quads)
    assert first.image.shape == (256, 256, 3)
    for index in (40, 2):
        drawn, again = renderer.sample_line(1, index), other.sample_line(1, index)
        assert np.array_equal(drawn.image, again.image)
        assert drawn.char_spans.shape == (len(drawn.text), 2)
        assert any(drawn.text in text for text in (*TEXTS, *LISTING, "far right"))


def test_no_pdf_says_what_to_install(tmp_path):
    with pytest.raises(ValueError, match=r"corpora\.txt"):
        PdfLibrary.from_folders(CHARACTERS, [tmp_path])
