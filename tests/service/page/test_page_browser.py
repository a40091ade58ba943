"""The page in a real Chromium: what a person does and sees. Skipped where there is no Chromium or no Playwright."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import AXE, CHROMIUM, DESKTOP, PHONE, upload
from pages_open import KEYS, LINE, PICTURE, Open, choose, pdf_of, texts
from service_fakes import FakeReader, encoded, two_lines, until

from ocr_core.pipeline.result import Page, ReadOptions

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: CHROMIUM, or in PATH")
DROP = """async (address) => {
  const data = await (await fetch(address)).blob();
  const transfer = new DataTransfer();
  transfer.items.add(new File([data], "receipt.jpg", { type: "image/jpeg" }));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer }));
}"""


@pytest.mark.slow
def test_a_receipt_that_is_dropped_is_read(open_page: Open) -> None:
    """With the shipped model: its rows are rows, and what is copied has them."""
    page = open_page(real=True)
    page.evaluate(DROP, "page/receipt.jpg")
    page.wait_for_selector("body[data-state=read]")
    found = texts(page)
    assert found[0] == "THE CORNER BAKERY"
    total, amount = (page.locator(LINE, has_text=text).first.bounding_box() for text in ("TOTAL", "€ 22.45"))
    assert total["y"] == pytest.approx(amount["y"], abs=2)
    assert "16 lines in" in page.inner_text("#took")
    assert "ppocrv2-en" in page.inner_text("#took")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#copy")
    page.wait_for_selector("#copy:has-text('Copied')")
    assert "TOTAL\t€ 22.45\nCASH\t€ 25.00" in page.evaluate("navigator.clipboard.readText()")


def test_a_picture_can_be_dropped_pasted_and_chosen(open_page: Open) -> None:
    reader = FakeReader()
    page = open_page(reader)
    page.evaluate(DROP, "page/receipt.jpg")
    page.wait_for_selector("body[data-state=read]")
    assert page.inner_text("#name") == "receipt.jpg"
    page.click("#home")
    paste = DROP.replace('["dragenter", "dragover", "drop"]', '["paste"]').replace("DragEvent", "ClipboardEvent")
    page.evaluate(paste.replace("dataTransfer: transfer", "clipboardData: transfer"), "page/receipt.jpg")
    page.wait_for_selector("body[data-state=read]")
    page.click("#home")
    choose(page, PICTURE)
    assert (page.inner_text("#name"), texts(page)) == ("photo.png", ["Total 12.95", "smudge"])
    assert len(reader.calls) == 3


def test_a_line_and_its_place_light_each_other(open_page: Open) -> None:
    page = open_page()
    choose(page, PICTURE)
    page.hover(f"{LINE} >> nth=1")
    assert page.locator("#boxes .lit").get_attribute("points").startswith("21,22")
    page.hover("h1#name")
    assert page.locator(".lit").count() == 0
    page.hover("#boxes .line >> nth=0")
    assert page.inner_text("#lines .lit") == "Total 12.95"
    page.click("#boxes .line >> nth=1")
    assert page.inner_text(f"{LINE}:focus") == "smudge"
    assert page.locator("#lines .lit").all_inner_texts() == ["smudge"]


def test_doubtful_words_are_marked_for_eyes_and_ears(open_page: Open) -> None:
    page = open_page()
    choose(page, PICTURE)
    assert page.locator("#lines mark").all_inner_texts() == ["smudge"]
    assert page.locator(LINE).nth(1).get_attribute("aria-label") == "smudge (unsure: smudge)"
    assert page.locator("#boxes .doubt").count() == 1
    assert page.is_visible("#hint")


def test_it_can_be_used_by_keys_alone(open_page: Open) -> None:
    page = open_page()
    press = page.keyboard.press

    def tab_to(selector: str) -> None:
        for _ in range(25):
            press("Tab")
            if page.locator(f"{selector}:focus").count():
                return
        raise AssertionError(f"{selector} is not reached")

    tab_to("#example")
    press("Enter")
    page.wait_for_selector("body[data-state=read]")
    tab_to("#stage")
    before = page.inner_text("#percent")
    press("+")
    until(lambda: page.inner_text("#percent") != before)
    press("0")
    until(lambda: page.inner_text("#percent") == before)
    tab_to(LINE)
    assert page.inner_text("#lines .lit") == "Total 12.95"
    press("ArrowDown")
    assert page.inner_text(f"{LINE}:focus") == "smudge"
    assert page.locator("#boxes .lit").count() == 1
    press("Enter")
    until(lambda: page.inner_text("#percent") != before)
    press("Tab")  # one leads past the lines
    assert page.locator(f"{LINE}:focus").count() == 0
    page.focus("#download summary")
    press("Enter")
    tab_to("#formats li:nth-child(3) button")
    with page.expect_download() as saved:
        press("Enter")
    assert saved.value.suggested_filename == "receipt.tsv"
    page.wait_for_selector("body[data-state=read]")
    assert page.locator("#download summary:focus").count() == 1


def test_the_picture_is_zoomed_and_moved(open_page: Open) -> None:
    page = open_page()
    choose(page, PICTURE)
    sheet = page.locator("#sheet")
    start = sheet.bounding_box()
    page.mouse.move(400, 400)
    page.mouse.wheel(0, -200)
    until(lambda: sheet.bounding_box()["width"] > start["width"])
    zoomed = sheet.bounding_box()
    page.mouse.down()
    page.mouse.move(460, 430, steps=4)
    page.mouse.up()
    moved = sheet.bounding_box()
    assert (moved["x"] - zoomed["x"], moved["y"] - zoomed["y"]) == pytest.approx((60, 30), abs=1)
    page.click("#fit")
    until(lambda: abs(sheet.bounding_box()["width"] - start["width"]) < 1)


PINCH = """() => {
  const stage = document.querySelector("#stage");
  const send = (kind, id, x) => stage.dispatchEvent(new PointerEvent(kind,
    { pointerId: id, clientX: x, clientY: 300, pointerType: "touch", bubbles: true, isPrimary: id === 1 }));
  stage.setPointerCapture = () => {};  // there is no finger behind these
  send("pointerdown", 1, 150); send("pointerdown", 2, 200);
  for (let i = 1; i <= 10; i += 1) { send("pointermove", 1, 150 - 5 * i); send("pointermove", 2, 200 + 5 * i); }
  send("pointerup", 1, 100); send("pointerup", 2, 250);
}"""


def test_on_a_telephone_it_photographs_and_two_fingers_zoom(open_page: Open) -> None:
    page = open_page(device=PHONE)
    assert page.is_visible("#photograph")
    assert page.locator("#camera").get_attribute("capture") == "environment"
    assert not page.is_visible("text=paste it with")
    choose(page, PICTURE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    width = page.locator("#sheet").bounding_box()["width"]
    page.evaluate(PINCH)
    assert page.locator("#sheet").bounding_box()["width"] == pytest.approx(3 * width, rel=0.05)
    page.tap(f"{LINE} >> nth=0")
    assert page.locator("#boxes .lit").count() == 1


class Second:
    """Reads upright pages at once, and pages that lie when they are let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, pixels: np.ndarray, options: ReadOptions) -> Page:
        if pixels.shape[1] > pixels.shape[0]:
            assert self.go.wait(60)
        return two_lines(pixels, options)


def test_pages_of_a_pdf_are_shown_as_they_arrive(open_page: Open) -> None:
    second = Second()
    page = open_page(FakeReader(second, streams=2))
    choose(page, upload("scan.pdf", pdf_of((300, 400), (400, 300)), "application/pdf"), state="reading")
    page.wait_for_selector(LINE)
    assert page.inner_text("#working") == "1 page so far…"
    assert page.evaluate("picture.naturalHeight > picture.naturalWidth")
    assert not page.is_visible("#rail")
    second.go.set()
    page.wait_for_selector("body[data-state=read]")
    assert page.locator("#pages button").count() == 2
    assert page.inner_text("#heading") == "Page 1 of 2"
    page.keyboard.press("PageDown")
    assert page.inner_text("#heading") == "Page 2 of 2"
    page.wait_for_function("picture.naturalWidth > picture.naturalHeight")
    assert page.locator("#pages [aria-current]").get_attribute("aria-label") == "Page 2"
    assert "2 pages" in page.inner_text("#took")


def test_several_files_are_read_in_turn_and_one_that_fails_says_so(open_page: Open) -> None:
    page = open_page()
    choose(page, PICTURE, upload("notes.txt", b"no picture", "text/plain"), upload("b.png", encoded(width=80)))
    labels = [button.get_attribute("aria-label") for button in page.locator("#pages button").all()]
    assert labels == ["Page 1: photo.png", "Page 2: notes.txt, not read", "Page 3: b.png"]
    page.click("#pages li:nth-child(2) button")
    assert "no picture that can be read" in page.inner_text("#notice h2")
    page.click("#pages li:nth-child(3) button")
    assert (page.inner_text("#notice"), len(texts(page))) == ("", 2)


def test_reading_can_be_cancelled(open_page: Open) -> None:
    reader = FakeReader(held=True)
    page = open_page(reader)
    choose(page, PICTURE, state="reading")
    assert reader.started.acquire(timeout=30)
    page.keyboard.press("Escape")
    page.wait_for_selector("body[data-state=failed]")
    assert page.inner_text("#notice h2") == "Cancelled"
    reader.release()
    page.click("#notice button")
    page.wait_for_selector("body[data-state=read]")
    assert texts(page) == ["Total 12.95", "smudge"]


def test_every_format_can_be_downloaded(open_page: Open) -> None:
    page = open_page()
    choose(page, PICTURE)
    buttons = page.locator("#formats button")
    heads = {}
    for index in range(buttons.count()):
        page.click("#download summary")
        with page.expect_download() as saved:
            buttons.nth(index).click()
        page.wait_for_selector("body[data-state=read]")
        heads[saved.value.suggested_filename] = Path(saved.value.path()).read_bytes()
    assert set(heads) == {f"photo{suffix}" for suffix in (".txt", ".md", ".tsv", ".hocr", ".xml", ".pdf", ".json")}
    assert heads["photo.pdf"].startswith(b"%PDF-")
    assert b"Total" in heads["photo.xml"]
    answer = json.loads(heads["photo.json"])
    assert set(answer) == {"pages", "timings_ms", "model"}
    assert answer["pages"][0]["lines"][0]["words"][0]["text"] == "Total"


def test_markup_in_what_was_read_is_text(open_page: Open) -> None:
    page = open_page()
    line = {
        "text": "<img src=x onerror=alert(1)>",
        "confidence": 0.9,
        "polygon": [[0, 0], [9, 0], [9, 9], [0, 9]],
        "words": [],
    }
    body = {"pages": [{"file": "a", "page": 1, "width": 40, "height": 30, "rotation": 0, "lines": [line]}]}
    end = {"timings_ms": {"total": 1.0}, "model": {"name": "m", "version": "1", "digest": "0" * 64}}
    page.route("**/v1/ocr", lambda route: route.fulfill(json={**body, **end}))
    choose(page, PICTURE)
    assert texts(page) == [line["text"]]
    assert page.locator("#lines img").count() == 0


def test_whoever_wants_no_motion_has_none(open_page: Open) -> None:
    page = open_page(FakeReader(held=True), device={**DESKTOP, "reduced_motion": "reduce"})
    choose(page, PICTURE, state="reading")
    assert page.evaluate("getComputedStyle(document.querySelector('#waiting i')).animationName") == "none"
    page.click("#cancel")


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: AXE")
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page: Open, device: dict[str, Any], scheme: str) -> None:
    page = open_page(device={**device, "color_scheme": scheme}, api_keys=KEYS)
    page.evaluate(AXE.read_text(encoding="utf-8"))

    def found() -> list[tuple[str, str]]:
        rules = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
        return [(rule["id"], node["html"]) for rule in rules for node in rule["nodes"]]

    complaints = {"empty": found()}
    page.set_input_files("#file", files=[PICTURE])
    page.wait_for_selector("dialog[open]")
    complaints["asking"] = found()
    page.fill("#ask-value", "right")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=read]")
    page.evaluate("document.querySelector('#facts').open = document.querySelector('#download').open = true")
    page.locator(LINE).nth(1).focus()
    complaints["read"] = found()
    choose(page, upload("scan.pdf", pdf_of((300, 400), (400, 300)), "application/pdf"))
    complaints["document"] = found()
    choose(page, upload("a.txt", b"nothing", "text/plain"), state="failed")
    complaints["failed"] = found()
    assert complaints == {state: [] for state in complaints}
