from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from written import FAILED, ORIGINAL, PAGE, SIZE, blocks_as, line, page, quad, text, write

from ocr_core.formats.registry import FORMATS
from ocr_core.formats.structure import words_of
from ocr_core.layout.blocks import Block
from ocr_core.pipeline.result import Word

XHTML = "{http://www.w3.org/1999/xhtml}"
ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("alto_structure.xsd")))

TABLE = Block(kind="table", lines=(0, 1, 2), cells=(((0,), (1,)), ((), ())))
"""With a line that is in none of its cells."""


def rows(written: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written), delimiter="\t", quoting=csv.QUOTE_NONE))


def classes(tree: etree._Element, name: str) -> list[etree._Element]:
    return tree.findall(f".//*[@class='{name}']")


def title(element: etree._Element) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in element.get("title").split(";"))


def test_tsv_has_the_columns_of_tesseract_and_a_row_for_each_level(monkeypatch):
    blocks_as(monkeypatch, Block(kind="paragraph", lines=(0, 1, 2)))
    found = rows(text("tsv", PAGE))
    assert list(found[0])[:6] == ["level", "page_num", "block_num", "par_num", "line_num", "word_num"]
    assert list(found[0])[6:] == ["left", "top", "width", "height", "conf", "text"]
    assert [row["level"] for row in found] == [*"1234554555455"]
    first = next(row for row in found if row["level"] == "5")
    assert list(first.values()) == ["5", "1", "1", "1", "1", "1", "50", "70", "91", "40", "90", "Hello"]
    assert {row["conf"] for row in found if row["level"] != "5"} == {"-1"}


def test_tsv_counts_pages_on_and_keeps_the_place_of_one_that_failed():
    found = rows(text("tsv", page(line("a\tb")), FAILED, page(line("c"), number=1)))
    assert [(row["page_num"], row["width"]) for row in found if row["level"] == "1"] == [
        ("1", "600"),
        ("2", "0"),
        ("3", "600"),
    ]
    assert [row["text"] for row in found if row["level"] == "5"] == ["a", "b", "c"]


def test_hocr_says_where_everything_is():
    tree = etree.fromstring(write("hocr", PAGE, FAILED))
    good, bad = classes(tree, "ocr_page")
    assert title(good) == {"image": '"scan  1   <a>&b.png"', "ppageno": "0", "bbox": "0 0 600 800"}
    assert title(bad) == {
        "image": '"scan  1   <a>&b.png"',
        "ppageno": "1",
        "bbox": "0 0 0 0",
        "x_error": '"broken --  so  to say  <b>&"',
    }
    assert [" ".join(element.itertext()).split() for element in classes(tree, "ocr_line")] == [
        ["Hello", "<wor-"],
        ["ld>", "&", "co"],
        ["up", "here"],
    ]
    assert [title(word)["x_wconf"] for word in classes(tree, "ocrx_word")] == ["90", "90", *["80"] * 3, "100", "100"]
    straight, sloped, upward = (title(element) for element in classes(tree, "ocr_line"))
    assert straight == {"bbox": "50 70 250 110", "baseline": "0.0000 -8.0", "x_size": "40.0"}
    assert upward == {"bbox": "500 300 540 500", "textangle": "90.0", "x_size": "40.0"}
    slope, offset = map(float, sloped["baseline"].split())
    assert slope == pytest.approx(np.tan(np.radians(5)), abs=1e-3)
    left, _, _, bottom = map(int, sloped["bbox"].split()[0:4])
    # The baseline's start, 32 of 40 pixels down the left side of the quad.
    assert bottom + offset + slope * (50 - 32 * np.sin(np.radians(5)) - left) == pytest.approx(
        130 + 32 * np.cos(np.radians(5)), abs=0.2
    )
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_alto_follows_its_structure_and_says_where_everything_is():
    tree = etree.fromstring(write("alto", PAGE, FAILED))
    SCHEMA.assertValid(tree)
    assert tree.findtext(f".//{ALTO}fileName") == ORIGINAL.name
    good, bad = tree.findall(f".//{ALTO}Page")
    assert (good.get("WIDTH"), good.get("HEIGHT"), good.get("PHYSICAL_IMG_NR")) == ("600", "800", "1")
    assert (bad.get("QUALITY"), bad.get("QUALITY_DETAIL"), bad.get("PHYSICAL_IMG_NR")) == (
        "Missing",
        FAILED.reason,
        "2",
    )
    assert [string.get("CONTENT") for string in tree.iter(f"{ALTO}String")] == [
        *("Hello", "<wor-", "ld>", "&", "co", "up", "here")
    ]
    first = tree.find(f".//{ALTO}String")
    assert [first.get(key) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT", "WC")] == ["50", "70", "91", "40", "0.9000"]
    upward = tree.findall(f".//{ALTO}TextLine")[2]
    assert upward.get("BASELINE") == "532.0,500.0 532.0,300.0"
    assert upward.find(f".//{ALTO}Polygon").get("POINTS") == "500.0,500.0 500.0,300.0 540.0,300.0 540.0,500.0"


def test_the_cells_of_a_table_are_paragraphs_and_no_line_is_lost(monkeypatch):
    blocks_as(monkeypatch, TABLE)
    assert [row["par_num"] for row in rows(text("tsv", PAGE)) if row["level"] == "4"] == ["1", "2", "3"]
    tree = etree.fromstring(write("alto", PAGE))
    SCHEMA.assertValid(tree)
    composed = tree.find(f".//{ALTO}ComposedBlock")
    assert composed.get("TYPE") == "table"
    assert len(composed.findall(f"{ALTO}TextBlock")) == 3
    assert [block.get("ROTATION") for block in composed] == [None, None, "90.0"]


def test_cells_that_were_found_as_one_line_are_lines_of_their_own():
    cells = [("North", 50), ("6.28", 200), ("10.00", 300)]
    words = tuple(Word(text=cell, confidence=0.9, quad=quad(left, 130, 50, 20)) for cell, left in cells)
    above, below = ([line(cell, quad(left, top, 50, 20)) for cell, left in cells] for top in (100, 160))
    some = page(*above, line("North 6.28 10.00", quad(50, 130, 300, 20), words=words), *below)
    tree = etree.fromstring(write("alto", some))
    SCHEMA.assertValid(tree)
    assert [string.get("CONTENT") for string in tree.iter(f"{ALTO}String")] == [cell for cell, _ in cells] * 3
    assert (
        len(tree.findall(f".//{ALTO}TextLine")) == len(classes(etree.fromstring(write("hocr", some)), "ocr_line")) == 9
    )


@pytest.mark.parametrize("name", ["tsv", "hocr", "alto"])
@pytest.mark.parametrize("pages", [(), (page(),), (FAILED,)], ids=["none", "no text", "failed"])
def test_documents_of_little(name, pages):
    written = write(name, *pages)
    if name == "tsv":
        assert len(rows(written.decode())) == len(pages)
    else:
        tree = etree.fromstring(written)
        assert name == "hocr" or SCHEMA.validate(tree), SCHEMA.error_log
        assert not list(tree.iter(f"{ALTO}String")) + classes(tree, "ocrx_word")


@pytest.mark.parametrize("blank", ["", " \t"])
def test_a_line_without_words_keeps_its_place(blank):
    some = page(line(blank), line("word", quad(50, 130, 300, 40)))
    tree = etree.fromstring(write("alto", some))
    SCHEMA.assertValid(tree)
    assert [string.get("CONTENT") for string in tree.iter(f"{ALTO}String")] == ["", "word"]
    assert [row["text"] for row in rows(text("tsv", some)) if row["level"] == "5"] == ["word"]
    assert len(classes(etree.fromstring(write("hocr", some)), "ocr_line")) == 2


@given(st.text(min_size=1, max_size=20).filter(lambda word: not re.search(r"\s", word)))
def test_any_characters_stay_well_formed(word):
    """Control characters, quotes, surrogates: recognizers have them in their dictionaries."""
    odd = page(line(word, words=(Word(text=word, confidence=1.2, quad=quad(-5, -5, 50, 900)),)))
    assert len(rows(text("tsv", odd))) == 5
    for name in ("hocr", "alto"):
        SCHEMA.validate(etree.fromstring(write(name, odd)))
    (found,) = etree.fromstring(write("alto", odd)).iter(f"{ALTO}String")
    assert found.get("WC") == "1.0000"
    assert [int(found.get(key)) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")] == [0, 0, 45, SIZE[1]]
    if word.isprintable():
        assert found.get("CONTENT") == word


def test_words_without_boxes_share_that_of_their_line():
    words = words_of(line("ab  cdef g", quad(0, 0, 90, 10)))
    assert [(word.text, *word.quad[:2, 0].tolist()) for word in words] == [
        ("ab", 0, 20),
        ("cdef", 30, 70),
        ("g", 80, 90),
    ]


def test_the_registry_names_media_types_and_suffixes_once():
    assert list(FORMATS) == ["text", "markdown", "tsv", "hocr", "alto", "pdf"]
    assert len({each.suffix for each in FORMATS.values()}) == len(FORMATS)
    assert len({each.media_type for each in FORMATS.values()}) == len(FORMATS)
