"""What browsers need: the page of the API without the internet, headers that scripts may read, HEAD."""

from __future__ import annotations

import re

import httpx
import pytest
from service_clients import Serve, client_of
from service_fakes import FakeReader, encoded, parts

from service.app import create_app
from service.engine.serving import State
from service.settings import Settings

pytestmark = pytest.mark.anyio
URL = "/v1/ocr"
IMAGE = encoded()
SITE = {"origin": "https://a.example"}


@pytest.mark.parametrize(
    ("settings", "allowed"), [({}, None), ({"cors_origins": "https://a.example"}, "https://a.example")]
)
async def test_web_sites_of_others_are_refused_unless_named(serve: Serve, settings: dict, allowed: str | None) -> None:
    async with serve(**settings) as client:
        answer = await client.post(URL, headers={"origin": "https://a.example"}, files=parts(IMAGE))
        other = await client.get("/version", headers={"origin": "https://b.example"})
    assert answer.headers.get("access-control-allow-origin") == allowed
    assert "access-control-allow-origin" not in other.headers


async def test_scripts_of_other_sites_may_read_what_they_need_to_ask_again(serve: Serve) -> None:
    async with serve(cors_origins="https://a.example", max_concurrent_requests=1) as client:
        answer = await client.post(URL, headers=SITE, files=parts(IMAGE))
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"location", "retry-after", "server-timing", "x-request-id", "x-model-digest", "x-job-state"}


async def test_scripts_of_other_sites_may_read_of_a_fault_too(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(cors_origins="https://a.example") as client:
        monkeypatch.setattr("service.http.routes.health.program_version", None)
        answer = await client.get("/version", headers=SITE)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


async def test_whoever_comes_too_early_or_too_late_is_told_when_to_ask_again() -> None:
    app = create_app(Settings(model="fake"), engine_factory=lambda _: FakeReader())
    async with client_of(app) as client:
        answers = [await client.post(URL, files=parts(IMAGE)), await client.get("/readyz")]
        app.state.context.serving.state = State.FAILED
        answers += [await client.get("/livez")]
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "5")] * 3


GOT = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready", "/version", "/v1/models", "/openapi.json", "/docs")


@pytest.mark.parametrize("path", GOT)
async def test_head_is_get_without_the_body(serve: Serve, path: str) -> None:
    async with serve() as client:
        head, get = await client.head(path), await client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**get.headers, "x-request-id": ""}


async def test_head_of_what_cannot_be_got_is_refused(serve: Serve) -> None:
    async with serve() as client:
        assert [(await client.head(path)).status_code for path in (URL, "/nothing")] == [405, 404]
        assert (await client.head("/metrics")).status_code == 200


def links(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


async def test_the_page_of_the_api_comes_whole_from_here(serve: Serve) -> None:
    async with serve() as client:
        page = await client.get("/docs")
        files = {link: await client.get(str(httpx.URL("http://service/docs").join(link))) for link in links(page.text)}
    assert {link: answer.status_code for link, answer in files.items()} == {
        "docs/favicon-32x32.png": 200,
        "docs/swagger-ui.css": 200,
        "docs/swagger-ui-bundle.js": 200,
        "docs/start.js": 200,
    }
    assert 'url: "openapi.json"' in files["docs/start.js"].text
    for answer in (page, files["docs/start.js"]):
        assert "//" not in answer.text


async def test_the_page_of_the_api_may_load_nothing_else(serve: Serve) -> None:
    async with serve() as client:
        page = await client.get("/docs")
    policy = dict(part.split(maxsplit=1) for part in page.headers["content-security-policy"].split("; "))
    assert policy.pop("img-src") == "'self' data:"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert policy["default-src"] == "'none'"
    assert "<script>" not in page.text
    assert "<style" not in page.text


async def test_fields_of_a_form_that_nobody_filled_in_are_left_out(serve: Serve) -> None:
    reader = FakeReader()
    async with serve(reader) as client:
        form = {"model": "", "words": "true", "min_confidence": ""}
        answer = await client.post(URL, params={"min_confidence": 0.7}, data=form, files=parts(IMAGE))
    assert answer.status_code == 200
    assert (reader.calls[0].words, reader.calls[0].min_confidence) == (True, 0.7)


async def test_only_the_files_of_the_page_lie_beside_it(serve: Serve) -> None:
    async with serve() as client:
        for path in ("/docs/../secret", "/docs/%2e%2e/%2e%2e/pyproject.toml", "/docs/nothing.js", "/docs/"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
