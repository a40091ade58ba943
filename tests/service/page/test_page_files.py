"""The page at `/` over HTTP: what it consists of, what it may do, how it is cached, and how it is switched off."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from service_clients import Serve
from service_fakes import encoded, parts

from service.http.problems import CODES
from service.page.files import load_files

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]
EXAMPLE = "receipt.jpg"
KEY = f"ada read {hashlib.sha256(b'secret').hexdigest()}"
OURS = {"offline", "unreachable", "broken_off", "cancelled"}
"""Codes of the page's own, beside those of problem documents."""


def texts() -> dict[str, str]:
    return {name: file.body.decode() for name, file in load_files().items() if name != EXAMPLE}


def test_the_example_of_the_page_is_that_of_the_readme() -> None:
    assert load_files()[EXAMPLE].body == (ROOT / "examples" / EXAMPLE).read_bytes()


async def test_everything_that_the_page_names_is_there(serve: Serve) -> None:
    async with serve() as client:
        page = await client.get("/")
        named = re.findall(r'(?:src|href)="(page/[^"]+)"', page.text)
        answers = [await client.get(f"/{name}") for name in (*named, "page/receipt.jpg", "page/about.json")]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    modules = {f"page/{name}" for name in load_files() if name.endswith(".js")}
    assert modules <= set(named), "a module that is not preloaded is waited for once more"


async def test_it_may_ask_this_service_alone(serve: Serve) -> None:
    async with serve() as client:
        page = await client.get("/")
        answers = [page, *[await client.get(path) for path in ("/page/main.js", "/page/about.json")]]
    policy = dict(part.split(maxsplit=1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy["img-src"] == "'self' blob:"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in page.headers["content-security-policy"]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_no_file_names_another_host_and_nothing_stands_inline() -> None:
    for name, text in texts().items():
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), name
        assert not re.search(r"(src|href)\s*=\s*[\"']?//|url\(|@import|innerHTML|eval\(", text), name
    page = texts()["index.html"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", page)


async def test_all_together_it_is_under_60_kb(serve: Serve) -> None:
    async with serve() as client:
        about = await client.get("/page/about.json")
    assert sum(map(len, map(str.encode, texts().values()))) + len(about.content) < 60_000


async def test_what_has_not_changed_is_not_sent_again(serve: Serve) -> None:
    async with serve() as client:
        for path in ("/", "/page/style.css", "/page/about.json"):
            first = await client.get(path)
            assert first.headers["cache-control"] == "no-cache"
            for tag in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
                again = await client.get(path, headers={"if-none-match": tag})
                assert (again.status_code, again.content) == (304, b"")
                assert again.headers["etag"] == first.headers["etag"]
            assert (await client.get(path, headers={"if-none-match": '"other"'})).content == first.content


async def test_it_comes_small_to_those_who_take_gzip(serve: Serve) -> None:
    async with serve() as client:
        plain = await client.get("/page/main.js", headers={"accept-encoding": "identity"})
        small = await client.get("/page/main.js", headers={"accept-encoding": "br, gzip"})
    assert plain.content == small.content
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < len(plain.content) / 2
    assert plain.headers["etag"] != small.headers["etag"]
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/about.json"])
async def test_head_is_get_without_the_body(serve: Serve, path: str) -> None:
    async with serve() as client:
        head, get = await client.head(path), await client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**get.headers, "x-request-id": ""}


async def test_nothing_else_lies_beside_it(serve: Serve) -> None:
    async with serve() as client:
        for path in ("/page/", "/page/index.html", "/page/../settings.py", "/page/%2e%2e/files.py", "/page/nothing.js"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_it_can_be_switched_off(serve: Serve) -> None:
    async with serve(page=False) as client:
        for path in ("/", "/page/main.js", "/page/about.json"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/docs")).status_code == 200


async def test_where_keys_are_asked_for_only_reading_asks(serve: Serve) -> None:
    async with serve(api_keys=KEY) as client:
        page, about = await client.get("/"), await client.get("/page/about.json")
        refused = await client.post("/v1/ocr", files=parts(encoded()))
    assert (page.status_code, about.json()["needs_key"], refused.status_code) == (200, True, 401)
    async with serve() as client:
        assert (await client.get("/page/about.json")).json()["needs_key"] is False


async def test_it_offers_the_formats_and_limits_of_the_service(serve: Serve) -> None:
    async with serve(payload_limit="1MiB", max_client_batch_size=3) as client:
        about = (await client.get("/page/about.json")).json()
        fields = (await client.get("/openapi.json")).json()["components"]["schemas"]["UploadForm"]["properties"]
    assert {each["name"] for each in about["formats"]} == set(fields["format"]["enum"]) - {"json"}
    assert (about["max_bytes"], about["max_files"]) == (2**20, 3)


def test_its_words_are_for_codes_that_there_are() -> None:
    named = set(re.findall(r"^  (\w+): [\[(]", texts()["errors.js"], re.MULTILINE))
    assert len(named) > 20
    assert named - OURS <= set(CODES)


async def test_its_addresses_work_below_a_path_of_a_proxy(serve: Serve) -> None:
    for name, text in texts().items():
        assert not re.search(r"(?:fetch|getJson)\(\"/|(?:src|href)=\"/", text), name
    async with serve() as client:
        page = await client.get("/")
    assert str(httpx.URL("http://proxy/below/").join("page/main.js")) == "http://proxy/below/page/main.js"
    assert 'src="page/main.js"' in page.text


@pytest.mark.slow
def test_the_wheel_has_its_files(tmp_path: Path) -> None:
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True, timeout=300)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = [name.partition("service/page/static/")[2] for name in wheel.namelist()]
        example = wheel.read("service/page/static/receipt.jpg")
    assert set(load_files()) <= set(names)
    assert example == (ROOT / "examples" / EXAMPLE).read_bytes()
