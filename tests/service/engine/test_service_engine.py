"""The service around the real engine, with networks that are plain functions."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from service_clients import Serve
from service_fakes import always_a, bundle, dark

from ocr_core.backends.base import Tensor
from ocr_core.backends.fake import FakeBackend
from ocr_core.errors import BackendError
from ocr_core.pipeline.engine import Engine

pytestmark = pytest.mark.anyio


def engine(detect=dark, recognize=always_a) -> Engine:  # type: ignore[no-untyped-def]
    return Engine(bundle(), FakeBackend({"detector": detect, "recognizer": recognize}))


def page_with_a_bar() -> np.ndarray:
    page = np.full((120, 320, 3), 255, np.uint8)
    cv2.rectangle(page, (40, 50), (199, 69), (0, 0, 0), cv2.FILLED)
    return page


async def test_a_line_is_found_where_it_is(serve: Serve) -> None:
    async with serve(engine()) as client:
        image = cv2.imencode(".png", page_with_a_bar())[1].tobytes()
        answer = await client.post("/v1/ocr", params={"words": True}, files={"file": image})
    assert answer.status_code == 200
    (page,) = answer.json()["pages"]
    assert (page["width"], page["height"], page["rotation"]) == (320, 120, 0)
    (line,) = page["lines"]
    assert (line["text"], line["confidence"]) == ("a", 0.95)
    assert [word["text"] for word in line["words"]] == ["a"]
    contains_the_bar(line["polygon"])


async def test_coordinates_are_those_that_a_person_sees(serve: Serve) -> None:
    turned = np.ascontiguousarray(np.rot90(page_with_a_bar()))  # stored lying, to be turned by 90 degrees clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(turned).save(file, "PNG", exif=exif)
    async with serve(engine()) as client:
        answer = await client.post("/v1/ocr", files={"file": file.getvalue()})
    (page,) = answer.json()["pages"]
    assert (page["width"], page["height"], page["rotation"]) == (320, 120, 0)
    contains_the_bar(page["lines"][0]["polygon"])


def contains_the_bar(polygon: list[list[float]]) -> None:
    (left, top), _, (right, bottom), _ = polygon
    assert (left, top) == pytest.approx((30, 40), abs=12)
    assert (right, bottom) == pytest.approx((210, 80), abs=12)
    assert left < 40
    assert top < 50
    assert right > 199
    assert bottom > 69


async def test_a_broken_engine_is_a_500_and_the_next_request_is_served(serve: Serve) -> None:
    faults: list[BackendError] = []

    def once_broken(batch: Tensor) -> Tensor:
        if faults:
            raise faults.pop()
        return dark(batch)

    async with serve(engine(once_broken)) as client:
        image = cv2.imencode(".png", page_with_a_bar())[1].tobytes()
        faults.append(BackendError("out of memory at 0x7f"))
        broken = await client.post("/v1/ocr", files={"file": image})
        good = await client.post("/v1/ocr", files={"file": image})
    assert (broken.status_code, broken.json()["code"]) == (500, "backend_error")
    assert "0x7f" not in broken.text
    assert good.status_code == 200


async def test_stages_and_batches_of_the_engine_are_measured(serve: Serve) -> None:
    async with serve(engine()) as client:
        image = cv2.imencode(".png", page_with_a_bar())[1].tobytes()
        answer = await client.post("/v1/ocr", files={"file": image})
        lines = set((await client.get("/metrics")).text.splitlines())
    timings = answer.json()["timings_ms"]
    assert set(timings) == {"queue", "decode", "det", "crop", "rec", "post", "total"}
    assert min(timings.values()) >= 0
    assert sum(timings.values()) <= 2 * timings["total"]
    for stage in ("det", "rec"):
        assert f'ocr_batch_size_count{{stage="{stage}"}} 1.0' in lines
        assert f'ocr_queue_size{{stage="{stage}"}} 0.0' in lines
    assert 'ocr_queue_size{stage="decode"} 0.0' in lines
