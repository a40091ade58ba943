from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from browser import CHROMIUM, DESKTOP, served
from pages_open import Open


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
    with playwright.sync_playwright() as started:
        # Its sandbox needs rights that containers do not give.
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Open]:
    """Open the page of a service: arguments are those of `served`, `device` is that of a context.

    At the end no request has left the service, and the browser has refused nothing.
    """
    complaints: list[str] = []
    requests: list[str] = []
    with ExitStack() as stack:

        def opened(*args: Any, device: dict[str, Any] | None = None, **settings: Any) -> Any:
            url = stack.enter_context(served(*args, **settings))
            context = chromium.new_context(**(device or DESKTOP))
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda message: "Policy" in message.text and complaints.append(message.text))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(url)
            page.wait_for_load_state("networkidle")
            complaints.extend(each for each in requests if not each.startswith((url, f"blob:{url}")))
            page.on(
                "request",
                lambda request: request.url.startswith((url, f"blob:{url}")) or complaints.append(request.url),
            )
            return page

        yield opened
    assert requests
    assert not complaints
