"""Models beside each other: taken up, handed over, rolled back, loaded and unloaded."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import Iterator

import pytest
from service_clients import client_of
from service_fakes import PATIENCE, FakeReader, parts, until
from shelves import AS_ADMIN, IMAGE, URL, Shelf, closed, failing, house_of, saying

from ocr_core.errors import BackendError, BundleCorruptError, BundleError, OcrError
from service.app import create_app
from service.engine.models.trial import LENGTH
from service.engine.models.watcher import Watcher
from service.engine.serving import State
from service.settings import Settings

pytestmark = pytest.mark.anyio


async def test_a_published_version_is_taken_up_beside_the_old_one(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        assert await house.text() == "1"
        await house.watcher.poll()
        assert shelf.loads == ["1"]
        shelf.publish("2")
        await house.watcher.poll()
        assert await house.text() == "2"
        assert await house.states() == {"fake@2": "trial", "fake@1": "fallback"}
        assert await house.reloads() == {"ok": 1}
        assert (shelf.readers["1"].steps, shelf.readers["2"].steps) == (["warm_up"], ["warm_up"])
        assert (await house.client.get("/version")).json()["model"]["version"] == "2"
    assert all("close" in reader.steps for reader in shelf.readers.values())


async def test_requests_under_way_finish_on_the_model_that_they_began_with(shelf: Shelf) -> None:
    held = FakeReader(saying("1"), held=True)
    shelf.pages["1"] = held.read
    async with house_of(shelf, threads=4) as house:  # room beside what is held, wherever that ranks
        under_way = asyncio.create_task(house.text())
        assert await asyncio.to_thread(held.started.acquire, timeout=PATIENCE)
        for version in ("2", "3"):
            shelf.publish(version)
            await house.watcher.poll()
            for _ in range(LENGTH):
                assert (await house.read()).status_code == 200
        assert "close" not in shelf.readers["1"].steps
        await closed(shelf.readers["2"])
        held.release()
        assert await under_way == "1"
        await closed(shelf.readers["1"])
        assert await house.text() == "3"


@pytest.mark.parametrize("fault", [BundleCorruptError("sha256"), BackendError("no such operator"), ZeroDivisionError()])
async def test_a_broken_version_changes_nothing_but_a_metric_and_the_log(
    shelf: Shelf, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.faults["2"] = fault
    async with house_of(shelf) as house:
        shelf.publish("2")
        for _ in range(3):
            await house.watcher.poll()
        assert await house.text() == "1"
        assert (await house.client.get("/readyz")).status_code == 200
        assert await house.reloads() == {"refused": 1}
        assert shelf.loads == ["1", "2"]
        assert "fake@2 is not taken up" in caplog.text
        shelf.publish("3")
        await house.watcher.poll()
        assert await house.text() == "3"


async def test_a_store_that_cannot_be_reached_is_asked_again(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with house_of(shelf) as house:
        (shelf.root / "fake" / "current").unlink()
        for _ in range(3):
            await house.watcher.poll()
        assert len([record for record in caplog.records if "does not say" in record.message]) == 1
        shelf.publish("2")
        shelf.faults["2"] = BundleError("s3 cannot be reached")
        await house.watcher.poll()
        del shelf.faults["2"]
        await house.watcher.poll()
        assert await house.text() == "2"
        assert await house.reloads() == {"failed": 1, "ok": 1}


@pytest.mark.parametrize("error", [PermissionError("EACCES"), OSError(116, "ESTALE"), ValueError("no version")])
async def test_the_watcher_outlives_whatever_the_store_raises(
    shelf: Shelf, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answers = iter([error, error, "1", error, "2"])

    def current(_: str) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with house_of(shelf) as house:
        watcher = Watcher(house.models, current)
        for _ in range(5):
            await watcher.poll()
        assert await house.text() == "2"
    told = [record.levelname for record in caplog.records if "which fake is current" in record.message]
    assert told == ["WARNING", "INFO", "WARNING", "INFO"]


async def test_a_request_may_name_a_version_and_is_answered_by_no_other(shelf: Shelf) -> None:
    shelf.pages["2"] = failing
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        assert await house.text(model="fake@1") == "1"
        assert await house.text(model="fake") == "1"
        assert (await house.read(model="fake@2")).status_code == 500
        assert (await house.read(model="fake@3")).status_code == 422


async def test_a_pinned_model_stays(shelf: Shelf) -> None:
    async with house_of(shelf, model="fake@1") as house:
        shelf.publish("2")
        await house.watcher.poll()
        assert await house.text() == "1"


async def test_admins_load_and_unload(shelf: Shelf) -> None:
    shelf.publish("7", "other")
    async with house_of(shelf) as house:

        async def order(what: str, name: str, version: str | None = None) -> int:
            body = {"version": version} if version else None
            answer = await house.client.post(f"/v1/models/{name}/{what}", headers=AS_ADMIN, json=body)
            return answer.status_code

        assert await order("load", "fake", "2") == 200
        assert await house.states() == {"fake@1": "ready", "fake@2": "extra"}
        assert (await house.text(), await house.text(model="fake@2")) == ("1", "2")
        assert await order("unload", "fake", "2") == 200
        assert (await house.read(model="fake@2")).status_code == 422
        assert await order("unload", "fake", "2") == 404
        assert await order("unload", "fake", "1") == 409
        assert await order("unload", "fake") == 409
        for unknown in ("missing", "fake@1", "a b", "é"):
            assert await order("unload", unknown) == await order("load", unknown) == 404
        assert await order("load", "missing") == 404
        shelf.faults["9"] = BackendError("secret")
        assert await order("load", "fake", "9") == 500


async def test_unloading_a_name_unloads_its_added_versions(shelf: Shelf) -> None:
    shelf.publish("7", "other")
    async with house_of(shelf, max_loaded_models=8) as house:
        for name, version in (("other", None), ("other", "8"), ("third", "1"), ("third", "2"), ("fake", "2")):
            body = {"version": version} if version else None
            assert (await house.client.post(f"/v1/models/{name}/load", headers=AS_ADMIN, json=body)).status_code == 200
        for name in ("other", "third"):
            assert (await house.client.post(f"/v1/models/{name}/unload", headers=AS_ADMIN)).status_code == 200
        assert await house.states() == {"fake@1": "ready", "fake@2": "extra"}


async def test_loading_without_a_version_takes_up_what_is_current(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        await house.client.post("/v1/models/fake/load", headers=AS_ADMIN, json={"version": "2"})
        shelf.publish("2")
        answer = await house.client.post("/v1/models/fake/load", headers=AS_ADMIN)
        assert answer.status_code == 200
        assert await house.states() == {"fake@2": "trial", "fake@1": "fallback"}
        assert shelf.loads == ["1", "2"]


async def test_no_more_models_are_loaded_than_may_be(shelf: Shelf) -> None:
    async with house_of(shelf, max_loaded_models=2) as house:
        orders = [{"version": version} for version in "23"]
        answers = [await house.client.post("/v1/models/fake/load", headers=AS_ADMIN, json=order) for order in orders]
        assert [answer.status_code for answer in answers] == [200, 409]
        assert answers[1].json()["code"] == "model_conflict"


async def test_a_provider_that_was_not_asked_for_is_not_served(shelf: Shelf) -> None:
    settings = Settings(model="fake", backend="cuda", model_store=str(shelf.root))
    app = create_app(settings, engine_factory=shelf.load)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert await app.state.context.serving.settled() is State.FAILED
        assert (await client.get("/readyz")).status_code == 503
    assert shelf.readers["1"].steps == ["close"]


async def test_gauges_show_what_is_loaded(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        shelf.publish("3")
        await house.watcher.poll()
        await closed(shelf.readers["2"])
        registry = house.serving._metrics.registry
        await asyncio.to_thread(house.models._closer.submit(lambda: None).result)
        rows = [sample for metric in registry.collect() for sample in metric.samples if sample.name == "ocr_model_info"]
        assert {row.labels["version"]: row.value for row in rows} == {"1": 1, "3": 1}


async def test_a_model_that_is_loaded_again_is_shown_when_it_is_closed_once(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        await house.models.add("other", "1")
        first = house.models.find("other@1")
        with first.lease():
            house.models.remove("other", "1")
            await house.models.add("other", "1")
        await asyncio.to_thread(house.models._closer.submit(lambda: None).result)
        assert first.reader.steps == ["warm_up", "close"]
        row = f'ocr_model_info{{backend="fake",digest="{first.bundle.digest}",name="other"'
        assert row in (await house.client.get("/metrics")).text
        house.models.remove("other", "1")
        await asyncio.to_thread(house.models._closer.submit(lambda: None).result)
        assert row not in (await house.client.get("/metrics")).text


async def test_two_hundred_swaps_under_load(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        swapping = True
        seen: list[str] = []

        async def client() -> None:
            while swapping:
                seen.append(await house.text())

        clients = [asyncio.create_task(client()) for _ in range(4)]
        for version in range(2, 202):
            shelf.publish(str(version))
            await house.watcher.poll()
        swapping = False
        await asyncio.gather(*clients)
        assert await house.text() == "201"
        assert await house.reloads() == {"ok": 200}
    assert len(set(seen)) > 20
    assert all("close" in reader.steps for reader in shelf.readers.values())


@pytest.fixture
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    logging.disable()  # pytest keeps records, and they keep their tracebacks
    yield
    logging.disable(logging.NOTSET)
    gc.enable()


@pytest.mark.usefixtures("_no_garbage_collection")
@pytest.mark.parametrize("fate", ["good", "no image", "fault", "late"])
async def test_no_request_keeps_a_model_or_its_upload_in_memory(shelf: Shelf, fate: str) -> None:
    held = FakeReader(saying("1"), held=fate == "late")
    shelf.pages["1"] = failing if fate == "fault" else held.read
    async with house_of(shelf) as house:
        headers = {**AS_ADMIN, "x-request-timeout-ms": "50" if fate == "late" else "10000"}
        files = parts(b"no image" if fate == "no image" else IMAGE)
        answer = await house.client.post(URL, headers=headers, files=files)
        assert answer.status_code == {"good": 200, "no image": 415, "fault": 500, "late": 504}[fate]
        held.release()
        await asyncio.to_thread(until, lambda: house.serving.admission.images == 0)
        model = weakref.ref(shelf.readers.pop("1"))
        for version in ("2", "3"):
            shelf.publish(version)
            await house.watcher.poll()
        for _ in range(LENGTH):
            await house.read()
        await asyncio.to_thread(until, lambda: model() is None)


async def test_what_loading_raises_is_told_to_who_asked(shelf: Shelf) -> None:
    shelf.faults["2"] = BundleCorruptError("sha256")
    async with house_of(shelf) as house:
        with pytest.raises(OcrError, match="sha256"):
            await house.models.take_up("fake", "2")
        with pytest.raises(OcrError, match="refused"):
            await house.models.take_up("fake", "2")
