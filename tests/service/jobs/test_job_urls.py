"""URLs that clients name: what lies below those that are allowed, and what is fetched for them."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from job_clients import ServeJobs, ended
from service_fakes import PATIENCE, encoded

from service.jobs import urls
from service.jobs.urls import is_below
from service.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/ocr",
        "https://hooks.example/ocr/1?x=1",
        "https://HOOKS.example/ocr/1",
    ],
)
def test_what_lies_below_a_prefix(url: str) -> None:
    assert is_below(url, ["https://other.example", "https://hooks.example/ocr/"])


def test_addresses_of_ipv6_may_be_allowed() -> None:
    assert is_below("http://[fd00::1]:8080/cb/1", ["http://[fd00::1]:8080/cb"])
    assert not is_below("http://[fd00::2]:8080/cb/1", ["http://[fd00::1]:8080/cb"])
    assert not is_below("http://[fd00::1]:8080/cb::x", ["http://[fd00::1]:8080/cb"])


@pytest.mark.parametrize("value", ["/allowed,", " , /allowed", ["/allowed", "", " "]])
def test_an_empty_source_allows_nothing(value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.png").write_bytes(b"x")
    sources = Settings(jobs_sources=value).jobs_sources  # type: ignore[arg-type]
    assert tuple(sources) == ("/allowed",)
    assert not is_below(str(tmp_path / "secret.png"), [*sources, ""])


@pytest.mark.parametrize("remark", ["# scans", "?", "#", "s3:"])
def test_a_remark_among_the_sources_allows_nothing(remark: str) -> None:
    """As in a file for `docker run --env-file`, where what stands behind a value belongs to it."""
    assert not is_below("/etc/passwd", ["/allowed", remark])
    assert not is_below("s3:/etc/passwd", ["/allowed", remark])


@pytest.mark.parametrize("value", ['["/allowed"]', '"/allowed"', " [/allowed]"])
def test_a_list_as_json_is_refused_at_the_start(value: str) -> None:
    """Since taken as the names of folders it would allow nothing, and say so to nobody."""
    for setting in ("jobs_sources", "jobs_callbacks", "cors_origins"):
        with pytest.raises(ValueError, match="not as JSON"):
            Settings.model_validate({setting: value})


@pytest.mark.parametrize("url", ["HTTP://127.0.0.1/in", "https://a.example", "s3://[a/in", "s3://bucket:x/in"])
def test_what_is_no_source_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match=r"http|IPv6|[Pp]ort"):
        Settings(jobs_sources=("/allowed", url))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/ocr/1",
        "https://hooks.example:8443/ocr/1",
        "https://hooks.example/ocrx",
        "https://hooks.example/",
        "https://hooks.example/ocr/../admin",
        "https://hooks.example/ocr/%2e%2e/admin",
        "https://hooks.example/ocr/%2E./admin",
        "https://hooks.example/ocr/..%2fadmin",
        "https://hooks.example/ocr/..;/admin",
        "https://hooks.example/ocr/..;x=1/admin",
        "https://hooks.example/ocr/%252e%252e/admin",
        "https://hooks.example@evil.example/ocr/1",
        "https://evil.example@hooks.example/ocr/1",
        "https://hooks.example\\@evil.example/ocr/1",
        "https://hooks.example.evil.example/ocr/1",
        "https://hooks.example/ocr/1\r\nHost: evil.example",
        "https://hooks.example/ocr/1 2",
        "https://hooks.exаmple/ocr/1",
        "https://hooks.example:x/ocr/1",
        "https://[::1/ocr/1",
        "//hooks.example/ocr/1",
        "hooks.example/ocr/1",
        "simplecache::https://hooks.example/ocr/1",
        "",
    ],
)
def test_what_does_not(url: str) -> None:
    assert not is_below(url, ["https://hooks.example/ocr"])
    assert not is_below(url, [])


async def test_a_file_is_fetched_from_where_it_lies(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deeper").mkdir(parents=True)
    (source / "deeper" / "scan.png").write_bytes(encoded(width=51))
    async with serve_jobs(jobs_sources=str(source)) as client:
        answer = await client.post("/v1/jobs", json={"url": f"{source}/deeper/scan.png", "words": True})
        status = await ended(client, answer.json()["id"])
        assert (status["state"], status["files"]) == ("succeeded", ["scan.png"])


@pytest.mark.parametrize(
    "name", ["../secret.png", "link.png", "linked/secret.png", "none.png", "", "*.png", "deeper", "%2e%2e/secret.png"]
)
async def test_nothing_is_fetched_from_elsewhere(serve_jobs: ServeJobs, tmp_path: Path, name: str) -> None:
    source = tmp_path / "in"
    (source / "deeper").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(encoded())
    (source / "link.png").symlink_to(tmp_path / "secret.png")
    (source / "linked").symlink_to(tmp_path)
    async with serve_jobs(jobs_sources=str(source)) as client:
        for url in (f"{source}/{name}", f"file://{source}/{name}"):
            answer = await client.post("/v1/jobs", json={"url": url})
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
            assert str(tmp_path) not in answer.text
        assert (await client.get("/v1/jobs")).json()["jobs"] == []


async def test_files_that_are_named_take_memory_before_they_are_read(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(encoded() + bytes(6_000))
    reads: list[str] = []
    gate = threading.Event()

    class Held(LocalFileSystem):
        def _open(self, path: str, *args: Any, **kwargs: Any) -> Any:
            reads.append(path)
            assert gate.wait(PATIENCE)
            return super()._open(path, *args, **kwargs)

    # Bodies count twice: three of these files do not fit, two do.
    settings = {"payload_limit": 10_000, "max_pixels": 2_000, "max_memory": 36_000}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(urls, "url_to_fs", lambda url: (Held(), url))
        async with serve_jobs(jobs_sources=str(tmp_path), **settings) as client:
            post = partial(client.post, "/v1/jobs", json={"url": f"{tmp_path}/scan.png"})
            asking = [asyncio.ensure_future(post()) for _ in range(2)]
            await _until(lambda: len(reads) == 2)
            refused = await post()
            assert (refused.status_code, refused.json()["code"]) == (429, "memory_exhausted")
            assert len(reads) == 2
            gate.set()
            assert {answer.status_code for answer in await asyncio.gather(*asking)} == {202}


async def test_a_file_is_sent_or_named_and_no_larger_than_may_be(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(8192))
    image = base64.b64encode(encoded()).decode()
    async with serve_jobs(jobs_sources=str(tmp_path), payload_limit=4096) as client:
        for body, status in (
            ({}, 422),
            ({"url": f"{tmp_path}/large.png", "image": image}, 422),
            ({"url": f"{tmp_path}/large.png"}, 413),
            ({"image": "nonsense!"}, 422),
            ({"image": image}, 202),
        ):
            assert (await client.post("/v1/jobs", json=body)).status_code == status
    async with serve_jobs() as client:  # off unless the operator names a place
        assert (await client.post("/v1/jobs", json={"url": f"{tmp_path}/large.png"})).status_code == 422


async def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
