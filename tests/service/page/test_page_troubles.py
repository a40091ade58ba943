"""The page where something goes wrong: keys, passwords, refusals, a busy service, a broken line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from browser import CHROMIUM, upload
from encrypted_pdf import encrypted
from pages_open import KEYS, LINE, PICTURE, Open, choose, pdf_of, texts
from service_fakes import encoded

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: CHROMIUM, or in PATH")


def test_a_key_is_asked_for_when_something_is_to_be_read(open_page: Open) -> None:
    page = open_page(api_keys=KEYS)
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    assert page.is_visible("#choose")
    page.set_input_files("#file", files=[PICTURE])
    for word in ("wrong", "ключ", "right"):
        page.wait_for_selector("dialog[open]")
        page.fill("#ask-value", word)
        page.keyboard.press("Enter")
        if word != "right":
            page.wait_for_selector("#ask-text:has-text('does not know that key')")
    page.wait_for_selector("body[data-state=read]")
    assert not any("right" in address for address in addresses)
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]


def test_a_wait_that_makes_no_sense_is_left_to_the_person(open_page: Open) -> None:
    page = open_page()
    asked: list[str] = []

    def refuse(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, headers={"Retry-After": "1000000000"}, json={"status": 503, "code": "overloaded"})

    page.route("**/v1/ocr", refuse)
    page.set_input_files("#file", files=[PICTURE])
    page.wait_for_selector("body[data-state=failed]")
    assert page.inner_text("#notice h2") == "The service is busy"
    assert len(asked) == 1


def test_whoever_has_no_key_is_told_and_may_come_back(open_page: Open) -> None:
    page = open_page(api_keys=KEYS)
    page.set_input_files("#file", files=[PICTURE])
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("body[data-state=failed]")
    assert page.inner_text("#notice h2") == "A key is needed"
    page.click("#notice button")
    page.fill("#ask-value", "right")
    page.click("dialog button[type=submit]")
    page.wait_for_selector("body[data-state=read]")


def test_a_locked_pdf_asks_for_its_password(open_page: Open) -> None:
    page = open_page()
    page.set_input_files("#file", files=[upload("locked.pdf", encrypted(b"secret"), "application/pdf")])
    page.wait_for_selector("dialog[open]")
    assert page.inner_text("#ask-title") == "The PDF is locked"
    page.fill("#ask-value", "no")
    page.keyboard.press("Enter")
    page.wait_for_selector("#ask-text:has-text('does not open it')")
    page.fill("#ask-value", "secret")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=read]")
    assert texts(page)[0].startswith("The quick brown fox")
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize(
    ("settings", "file", "title", "text"),
    [
        (
            {},
            upload("a.txt", b"nothing", "text/plain"),
            "This is no picture that can be read here",
            "export them as JPEG",
        ),
        (
            {"payload_limit": 2000, "max_memory": "1GiB"},
            upload("a.png", bytes(5000)),
            "The file is too large",
            "It has 4.9 KB. This service takes 2.0 KB",
        ),
        (
            {"max_pixels": 1_000_000},
            upload("a.png", encoded(width=1200, height=900)),
            "The picture is too large",
            "1 mega",
        ),
        ({}, upload("a.png", encoded()[:200]), "The picture is damaged", "did not arrive whole"),
    ],
)
def test_errors_are_told_in_words(open_page: Open, settings: dict, file: dict, title: str, text: str) -> None:
    page = open_page(**settings)
    choose(page, file, state="failed")
    assert page.inner_text("#notice h2") == title
    assert text in page.inner_text("#notice")
    assert page.get_attribute("#notice", "role") == "alert"


@pytest.mark.parametrize("code", ["constructor", "__proto__", "toString", "no_such_code"])
def test_codes_that_the_page_has_no_words_for_are_told_by_their_status(open_page: Open, code: str) -> None:
    page = open_page()
    body = json.dumps({"status": 400, "code": code, "detail": "what it says"})
    page.route("**/v1/ocr", lambda route: route.fulfill(status=400, body=body))
    choose(page, PICTURE, state="failed")
    assert page.inner_text("#notice h2") == "The service did not take this"
    assert "what it says" in page.inner_text("#notice")


def test_a_busy_service_is_waited_for(open_page: Open) -> None:
    page = open_page()
    answers = [429, 503]

    def busy(route: Any) -> None:
        if not answers:
            return route.fallback()
        code = {429: "overloaded", 503: "not_ready"}[answers[0]]
        body = json.dumps({"status": answers[0], "code": code, "detail": "full"})
        return route.fulfill(status=answers.pop(0), body=body, headers={"Retry-After": "2"})

    page.route("**/v1/ocr", busy)
    choose(page, PICTURE, state="reading")
    page.wait_for_selector("#working:has-text('The service is busy. Again in 2 s…')")
    page.wait_for_selector("#working:has-text('Again in 1 s…')")
    page.wait_for_selector("#working:has-text('The service is starting. Again in 2 s…')")
    page.wait_for_selector("body[data-state=read]")
    assert texts(page) == ["Total 12.95", "smudge"]


def test_whoever_is_offline_is_told_and_keeps_the_file(open_page: Open) -> None:
    page = open_page()
    page.context.set_offline(True)
    choose(page, PICTURE, state="failed")
    assert page.inner_text("#notice h2") == "You are offline"
    page.context.set_offline(False)
    page.click("#notice button")
    page.wait_for_selector("body[data-state=read]")


def test_an_answer_that_breaks_off_leaves_what_came(open_page: Open) -> None:
    page = open_page()
    line = json.dumps({"file": "a.pdf", "page": 1, "width": 100, "height": 100, "rotation": 0, "lines": []})
    page.route("**/v1/ocr", lambda route: route.fulfill(body=line + "\n", content_type="application/x-ndjson"))
    choose(page, upload("a.pdf", pdf_of((30, 40)), "application/pdf"))
    assert page.inner_text("#notice h2") == "The answer broke off"


def test_a_page_that_was_late_is_tried_again(open_page: Open) -> None:
    page = open_page()
    late = {"status": 504, "code": "deadline_exceeded", "title": "", "detail": "the deadline has passed", "type": ""}
    line = json.dumps({"file": "a.pdf", "page": 1, "error": late})
    end = {"done": True, "timings_ms": {"total": 1.0}, "model": {"name": "m", "version": "1", "digest": "0" * 64}}
    body = f"{line}\n{json.dumps(end)}\n"
    page.route("**/v1/ocr", lambda route: route.fulfill(body=body, content_type="application/x-ndjson"), times=1)
    choose(page, upload("a.pdf", pdf_of((300, 400)), "application/pdf"))
    assert page.inner_text("#notice h2") == "It took too long"
    page.click("#notice button")
    page.wait_for_selector(LINE)
    assert texts(page) == ["Total 12.95", "smudge"]
