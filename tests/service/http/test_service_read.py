"""`POST /v1/ocr`: forms of the request, shape of the answer."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image
from service_clients import Serve
from service_fakes import DIGEST, FakeReader, encoded, parts, two_lines

from ocr_core.errors import BackendError

pytestmark = pytest.mark.anyio
URL = "/v1/ocr"
IMAGE = encoded()


async def test_the_answer_has_the_agreed_shape(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, params={"words": True}, files={"file": ("receipt.png", IMAGE)})
    assert answer.status_code == 200
    body = answer.json()
    polygon = [[1, 2], [30, 2], [30, 12], [1, 12]]
    assert body["pages"] == [
        {
            "file": "receipt.png",
            "page": 1,
            "width": 40,
            "height": 30,
            "rotation": 0,
            "lines": [
                {
                    "text": "Total 12.95",
                    "confidence": 0.9877,
                    "polygon": polygon,
                    "words": [{"text": "Total", "confidence": 0.99, "polygon": polygon}],
                },
                {
                    "text": "smudge",
                    "confidence": 0.55,
                    "polygon": [[x + 20, y + 20] for x, y in polygon],
                    "words": [],
                },
            ],
        }
    ]
    assert body["model"] == {"name": "fake", "version": "1", "digest": DIGEST}
    assert set(body["timings_ms"]) == {"queue", "decode", "det", "crop", "rec", "post", "total"}
    assert body["timings_ms"]["det"] == 20
    assert answer.headers["x-model-digest"] == DIGEST


FORMS = {
    "multipart": {"files": {"file": ("a.png", IMAGE)}},
    "multipart without a file name": {"files": {"file": (None, IMAGE)}},
    "raw": {"content": IMAGE, "headers": {"content-type": "image/png"}},
    "raw with the wrong subtype": {"content": IMAGE, "headers": {"content-type": "Image/JPEG; q=1"}},
    "json": {"json": {"image": base64.b64encode(IMAGE).decode()}},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_every_form_of_request_is_read(serve: Serve, form: dict) -> None:
    async with serve() as client:
        answer = await client.post(URL, **form)
    assert answer.status_code == 200
    assert [line["text"] for line in answer.json()["pages"][0]["lines"]] == ["Total 12.95", "smudge"]


CHOICES = {
    "query": {
        "params": {"detect": "false", "min_confidence": 0.9, "words": 1, "language": 0},
        "files": {"file": IMAGE},
    },
    "form": {
        "data": {"detect": "false", "min_confidence": "0.9", "words": "true", "language": "no"},
        "files": {"file": IMAGE},
    },
    "json": {
        "json": {
            "image": base64.b64encode(IMAGE).decode(),
            "detect": False,
            "min_confidence": 0.9,
            "words": True,
            "language": False,
        }
    },
    "form over query": {
        "params": {"detect": "true", "min_confidence": 0.9},
        "data": {"detect": "false", "words": "true", "language": "false"},
        "files": {"file": IMAGE},
    },
}


@pytest.mark.parametrize("request_", CHOICES.values(), ids=CHOICES)
async def test_choices_reach_the_engine(serve: Serve, request_: dict) -> None:
    reader = FakeReader()
    async with serve(reader) as client:
        assert (await client.post(URL, **request_)).status_code == 200
    (options,) = reader.calls
    assert (options.detect, options.min_confidence, options.words, options.language) == (False, 0.9, True, False)


async def test_defaults_of_the_choices(serve: Serve) -> None:
    reader = FakeReader()
    async with serve(reader) as client:
        await client.post(URL, files={"file": IMAGE})
    (options,) = reader.calls
    assert (options.detect, options.min_confidence, options.words, options.language) == (True, 0.5, False, True)


@pytest.mark.parametrize(("model", "status"), [("fake", 200), ("fake@1", 200), ("fake@2", 422), ("other", 422)])
async def test_a_request_may_name_its_model(serve: Serve, model: str, status: int) -> None:
    async with serve() as client:
        answer = await client.post(URL, params={"model": model}, files={"file": IMAGE})
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["code"] == "model_not_served"


async def test_sizes_are_those_after_exif(serve: Serve) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(file, "JPEG", exif=exif)
    async with serve() as client:
        page = (await client.post(URL, files={"file": file.getvalue()})).json()["pages"][0]
    assert (page["width"], page["height"]) == (30, 40)


async def test_a_page_without_text_is_an_answer(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, params={"min_confidence": 1}, files={"file": IMAGE})
    assert answer.status_code == 200
    assert answer.json()["pages"][0]["lines"] == []


async def test_of_several_files_the_good_ones_are_read(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, files=parts(IMAGE, b"no image", encoded(width=50), b""))
    assert answer.status_code == 200
    pages = answer.json()["pages"]
    assert [page["file"] for page in pages] == ["1.png", "2.png", "3.png", "4.png"]
    assert [page["page"] for page in pages] == [1, 1, 1, 1]
    assert [page.get("width") for page in pages] == [40, None, 50, None]
    assert [page["error"]["code"] if "error" in page else None for page in pages] == [
        None,
        "unsupported_image_type",
        None,
        "undecodable_image",
    ]
    assert [len(page["lines"]) for page in pages] == [2, 0, 2, 0]


async def test_several_files_that_all_fail_are_a_problem_with_every_error(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, files=parts(b"no image", b""))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == "no_image_read"
    assert [(page["file"], page["error"]["status"]) for page in body["pages"]] == [("1.png", 415), ("2.png", 422)]


async def test_the_engines_fault_is_not_blamed_on_the_images(serve: Serve) -> None:
    def fail(*_: object) -> None:
        raise BackendError("secret: address 0x7f")

    async with serve(FakeReader(fail)) as client:
        answer = await client.post(URL, files=parts(IMAGE, b"no image"))
    assert answer.status_code == 500
    assert answer.json()["code"] == "backend_error"
    assert "secret" not in answer.text


async def test_one_bad_inference_does_not_lose_the_others(serve: Serve) -> None:
    def fail_small(pixels, options):  # type: ignore[no-untyped-def]
        if pixels.shape[1] == 40:
            raise RuntimeError("secret")
        return two_lines(pixels, options)

    async with serve(FakeReader(fail_small)) as client:
        answer = await client.post(URL, files=parts(IMAGE, encoded(width=50)))
    assert answer.status_code == 200
    failed, good = answer.json()["pages"]
    assert (failed["error"]["status"], failed["error"]["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert len(good["lines"]) == 2
