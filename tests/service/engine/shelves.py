"""Services that watch a store of versions, and what these read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
from service_clients import client_of
from service_fakes import PATIENCE, FakeReader, encoded, parts, two_lines

from ocr_core.errors import BackendError
from ocr_core.pipeline.result import Page, ReadOptions
from service.app import create_app
from service.auth.keys import new_key
from service.engine.loading import open_model_store
from service.engine.models.registry import Models
from service.engine.models.watcher import Watcher
from service.engine.serving import Serving, State
from service.settings import Settings

URL = "/v1/ocr"
IMAGE = encoded()
SECRET, KEY = new_key("ops", ["read", "admin"])
AS_ADMIN = {"x-api-key": SECRET}


class Shelf:
    """A store of versions of `fake`, and the readers that were made of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.readers: dict[str, FakeReader] = {}
        self.faults: dict[str, Exception] = {}
        """What loading a version raises."""
        self.pages: dict[str, Callable[[np.ndarray, ReadOptions], Page]] = {}
        self.slow: list[str] = []
        """Versions that miss every deadline."""
        self.loads: list[str] = []

    def publish(self, version: str, name: str = "fake") -> None:
        (self.root / name).mkdir(exist_ok=True)
        (self.root / name / "current").write_text(version)

    def load(self, settings: Settings) -> FakeReader:
        name, _, version = settings.model.partition("@")
        version = version or open_model_store(settings).current(name)
        self.loads.append(version)
        if version in self.faults:
            raise self.faults[version]
        kind = Slow if version in self.slow else FakeReader
        reader = kind(self.pages.get(version) or saying(version), name=name, version=version)
        self.readers[version] = reader
        return reader


def saying(text: str) -> Callable[[np.ndarray, ReadOptions], Page]:
    """Return a page function that reads every image as `text`."""

    def page(pixels: np.ndarray, options: ReadOptions) -> Page:
        read = two_lines(pixels, options)
        line = read.lines[0]
        return Page(
            width=read.width,
            height=read.height,
            rotation=0,
            lines=(type(line)(text=text, confidence=1.0, quad=line.quad),),
        )

    return page


def failing(_: np.ndarray, __: ReadOptions) -> Page:
    raise BackendError("no such kernel")


class House:
    """A running service and its parts."""

    def __init__(self, serving: Serving, client: httpx.AsyncClient) -> None:
        self.serving = serving
        self.client = client
        store = open_model_store(serving.settings)
        self.watcher = Watcher(serving.models, store.current)

    @property
    def models(self) -> Models:
        return self.serving.models

    async def read(self, count: int = 1, **params: str) -> httpx.Response:
        return await self.client.post(URL, params=params, headers=AS_ADMIN, files=parts(*[IMAGE] * count))

    async def text(self, **params: str) -> str:
        """Return the text that an image is read as, after making sure that one model has answered."""
        answer = await self.read(2, **params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        (text,) = {page["lines"][0]["text"] for page in body["pages"]}
        assert body["model"]["version"] == text
        assert body["model"]["digest"] == answer.headers["x-model-digest"]
        return text

    async def states(self) -> dict[str, str]:
        listed = (await self.client.get("/v1/models", headers=AS_ADMIN)).json()["models"]
        return {f"{entry['name']}@{entry['version']}": entry["state"] for entry in listed}

    async def reloads(self) -> dict[str, float]:
        text = (await self.client.get("/metrics")).text
        rows = [line for line in text.splitlines() if line.startswith("ocr_model_reload_total{")]
        return {row.split('"')[1]: float(row.split()[-1]) for row in rows}


@asynccontextmanager
async def house_of(shelf: Shelf, **settings: object) -> AsyncIterator[House]:
    settings = {"model": "fake", "model_store": str(shelf.root), "model_poll_seconds": 0, "threads": 1, **settings}
    app = create_app(Settings(api_keys=KEY.line(), **settings), engine_factory=shelf.load)
    async with app.router.lifespan_context(app), client_of(app) as client:
        serving = app.state.context.serving
        assert await serving.settled() is State.READY
        yield House(serving, client)


async def closed(reader: FakeReader) -> None:
    async def poll() -> None:
        while "close" not in reader.steps:  # noqa: ASYNC110
            await asyncio.sleep(0)

    await asyncio.wait_for(poll(), PATIENCE)


class Slow(FakeReader):
    """Uses the network and then takes longer than anybody waits."""

    def read(self, pixels: np.ndarray, options: ReadOptions, *, runner: object = None) -> Page:
        runner.recognize([pixels])
        while True:
            runner.recognize([pixels])
