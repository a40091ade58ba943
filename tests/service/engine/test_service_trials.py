"""New versions on trial: rolled back where they fail, kept where they prove themselves."""

from __future__ import annotations

import asyncio

import pytest
from service_fakes import PATIENCE, FakeReader, parts
from shelves import AS_ADMIN, IMAGE, URL, House, Shelf, closed, failing, house_of

from service.engine.models.loaded import RECENT, Loaded
from service.engine.models.trial import LENGTH, TOLERATED, Evidence, Trial, Verdict

pytestmark = pytest.mark.anyio


async def test_a_version_that_fails_its_first_requests_is_rolled_back_and_none_of_them_fails(shelf: Shelf) -> None:
    shelf.pages["2"] = failing
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        for _ in range(TOLERATED):
            assert (await house.read()).json()["model"]["version"] == "1"
        assert (await house.states())["fake@2"] == "trial"
        assert await house.text() == "1"
        assert await house.states() == {"fake@1": "ready"}
        assert await house.reloads() == {"ok": 1, "rolled_back": 1}
        await closed(shelf.readers["2"])
        await house.watcher.poll()
        assert shelf.loads == ["1", "2"]
        shelf.publish("3")
        await house.watcher.poll()
        assert await house.text() == "3"


async def test_requests_under_way_when_a_version_is_rolled_back_are_read_again_too(shelf: Shelf) -> None:
    held = FakeReader(failing, held=True)
    shelf.pages["2"] = held.read
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        under_way = [asyncio.create_task(house.text()) for _ in range(TOLERATED + 3)]
        assert await asyncio.to_thread(held.started.acquire, timeout=PATIENCE)
        held.release()
        assert await asyncio.gather(*under_way) == ["1"] * len(under_way)
        assert await house.states() == {"fake@1": "ready"}


async def test_what_is_no_image_speaks_neither_for_a_version_nor_against_it(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        for _ in range(LENGTH):
            assert (await house.client.post(URL, headers=AS_ADMIN, files=parts(b"no image"))).status_code == 415
        assert (await house.states())["fake@2"] == "trial"


async def test_what_both_versions_cannot_read_speaks_against_neither(shelf: Shelf) -> None:
    shelf.pages["1"] = shelf.pages["2"] = failing
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        for _ in range(TOLERATED + 1):
            assert (await house.read()).status_code == 500
        assert await house.states() == {"fake@2": "trial", "fake@1": "fallback"}


async def test_images_count_and_not_requests(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        for _ in range(LENGTH // 10):
            assert await house.states() == {"fake@2": "trial", "fake@1": "fallback"}
            assert (await house.read(10)).status_code == 200
        assert await house.states() == {"fake@2": "ready"}


async def read_late(house: House) -> None:
    answer = await house.client.post(
        URL, headers={**AS_ADMIN, "x-request-timeout-ms": "40"}, files=parts(IMAGE), params={"detect": "false"}
    )
    assert answer.status_code == 504


def evidence_of(house: House) -> list[Evidence]:
    """Return a list to which what requests say of their models is added."""
    noted: list[Evidence] = []
    record = house.models.record
    house.models.record = lambda model, evidence: (noted.append(evidence), record(model, evidence))
    return noted


async def test_a_deadline_missed_while_reading_is_told(shelf: Shelf) -> None:
    shelf.slow = ["1"]
    async with house_of(shelf) as house:
        noted = evidence_of(house)
        while not noted or (not noted[-1].late and len(noted) < 50):  # on a slow machine the network is not reached
            await read_late(house)
        assert noted[-1] == Evidence(read=0, failed=0, late=True)
        assert house.models.default.lately_late() == 1


@pytest.mark.parametrize(("before", "verdict"), [(0, Verdict.FAILED), (1, Verdict.OPEN)])
def test_deadlines_speak_against_a_version_that_misses_more_of_them(before: int, verdict: Verdict) -> None:
    old, new = (Loaded(FakeReader(version=version), None, lambda _: None) for version in "12")
    for i in range(RECENT):
        old.note_request(late=i < before)
    trial = Trial(model=new, fallback=old)
    late = Evidence(read=0, failed=0, late=True)
    assert {trial.record(late) for _ in range(TOLERATED)} == {Verdict.OPEN}
    assert trial.record(late) is verdict


async def test_deadlines_that_passed_before_the_networks_were_reached_speak_against_nobody(shelf: Shelf) -> None:
    held = FakeReader(held=True)
    shelf.pages["2"] = held.read
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        noted = evidence_of(house)
        await read_late(house)
        held.release()
        assert noted == [Evidence(read=0, failed=0, late=False)]


async def test_a_version_that_has_proved_itself_stands_alone(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        shelf.publish("2")
        await house.watcher.poll()
        for _ in range(LENGTH):
            assert (await house.read()).status_code == 200
        assert await house.states() == {"fake@2": "ready"}
        await closed(shelf.readers["1"])


async def test_an_unproven_version_is_no_fallback(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        for version in ("2", "3"):
            shelf.publish(version)
            await house.watcher.poll()
        assert await house.states() == {"fake@3": "trial", "fake@1": "fallback"}
        await closed(shelf.readers["2"])


async def test_going_back_to_the_fallback_loads_nothing(shelf: Shelf) -> None:
    async with house_of(shelf) as house:
        for version in ("2", "1"):
            shelf.publish(version)
            await house.watcher.poll()
        assert await house.text() == "1"
        assert await house.states() == {"fake@1": "ready"}
        assert shelf.loads == ["1", "2"]
