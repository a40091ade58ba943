"""`POST /ocr` and `PUT /process`, by the clients they are for as far as these can be had."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
from pdfs import scan
from service_fakes import PATIENCE, FakeReader, encoded, two_lines
from service_sockets import listening

IMAGE = encoded()


def test_liteparse_gets_boxes(url: str) -> None:
    answer = httpx.post(f"{url}/ocr", files={"file": ("a.png", IMAGE)}, data={"language": "en"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    first, second = answer.json()["results"]
    assert first == {
        "text": "Total 12.95",
        "bbox": [1.0, 2.0, 30.0, 12.0],
        "confidence": 0.9877,
        "polygon": [[1.0, 2.0], [30.0, 2.0], [30.0, 12.0], [1.0, 12.0]],
    }
    assert second["text"] == "smudge"


def test_pages_of_a_document_come_as_they_are_read() -> None:
    """Held until all are there, those of a long document together would take gigabytes."""
    gate = threading.Semaphore(1)

    def one_by_one(pixels: np.ndarray, options: Any) -> Any:
        assert gate.acquire(timeout=PATIENCE)
        return two_lines(pixels, options)

    with listening(FakeReader(one_by_one), threads=1) as url:  # one reads at a time: the first page is the first
        for method, path, sent in (
            ("POST", "/ocr", {"files": {"file": ("a.pdf", scan(2))}}),
            ("PUT", "/process", {"content": scan(2)}),
        ):
            with httpx.stream(method, f"{url}{path}", timeout=PATIENCE, **sent) as answer:
                pieces = answer.iter_raw()
                body = next(pieces)
                assert body.count(b"smudge") == 1
                gate.release()
                body += b"".join(pieces)
            found = json.loads(body)
            assert len(found["results"] if path == "/ocr" else found) == (4 if path == "/ocr" else 2)
            gate.release()


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"files": {"image": ("a.png", IMAGE)}}, 422, "invalid_request"),
        ({"data": {"language": "en"}, "files": {"x": (None, "")}}, 422, "invalid_request"),
        ({"content": IMAGE, "headers": {"content-type": "image/png"}}, 415, "unsupported_content_type"),
        ({"files": {"file": ("a.txt", b"no image")}}, 415, "unsupported_image_type"),
        ({"files": [("file", ("a.png", IMAGE)), ("file", ("b.png", IMAGE))]}, 413, "too_many_images"),
    ],
)
def test_what_liteparse_would_not_send_is_a_problem(url: str, request_: dict[str, Any], status: int, code: str) -> None:
    answer = httpx.post(f"{url}/ocr", **request_)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_liteparse_reads_a_scan(tmp_path: Path) -> None:
    liteparse = pytest.importorskip("liteparse", reason="LiteParse is not installed")
    (tmp_path / "scan.pdf").write_bytes(scan(2))
    digest = hashlib.sha256(b"secret").hexdigest()
    reader = FakeReader()
    with listening(reader, api_keys=f"lp read {digest}") as url:
        headers = {"Authorization": "Bearer secret"}
        parser = liteparse.LiteParse(ocr_server_url=f"{url}/ocr", ocr_server_headers=headers, quiet=True, num_workers=2)
        parsed = parser.parse(str(tmp_path / "scan.pdf"))
        assert len(reader.calls) == 2
        assert ["Total 12.95" in page.text for page in parsed.pages] == [True, True]


def test_open_webui_gets_a_document_a_page(url: str) -> None:
    headers = {"Content-Type": "application/pdf", "Authorization": "Bearer any", "X-Filename": "a%20b.pdf"}
    answer = httpx.put(f"{url}/process", content=scan(2), headers=headers)
    assert answer.json() == [
        {"page_content": "Total 12.95\\\nsmudge\n", "metadata": {"source": "a b.pdf", "page": number}}
        for number in (0, 1)
    ]


def test_open_webui_gets_tables_by_their_words() -> None:
    reader = FakeReader()
    with listening(reader) as url:
        httpx.put(f"{url}/process", content=IMAGE)
        httpx.post(f"{url}/ocr", files={"file": ("a.png", IMAGE)})
    assert [options.words for options in reader.calls] == [True, False]


def test_open_webui_may_send_any_type_and_no_name(url: str) -> None:
    answer = httpx.put(f"{url}/process", content=IMAGE)
    assert [page["metadata"] for page in answer.json()] == [{"source": "document-1", "page": 0}]
    unnamed = httpx.put(f"{url}/process", content=IMAGE, headers={"X-Filename": ""})
    assert unnamed.json() == answer.json()
    refused = httpx.put(f"{url}/process", content=b"PK office", headers={"Content-Type": "application/msword"})
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_image_type")


def test_keys_limits_and_metrics_are_those_of_reading() -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    with listening(api_keys=f"me read {digest}", payload_limit=100_000) as url:
        assert httpx.put(f"{url}/process", content=IMAGE).status_code == 401
        assert httpx.post(f"{url}/ocr", files={"file": IMAGE}).status_code == 401
        key = {"Authorization": "Bearer secret"}
        assert httpx.put(f"{url}/process", content=encoded(width=300, height=200), headers=key).status_code == 200
        assert httpx.put(f"{url}/process", content=bytes(100_001), headers=key).status_code == 413
        metrics = httpx.get(f"{url}/metrics").text
        assert 'ocr_requests_total{code="200",endpoint="/process"} 1.0' in metrics
        assert 'ocr_request_duration_seconds_count{kind="image",result="read"} 1.0' in metrics


def test_the_loader_of_open_webui(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own file, where its package is found; of its application only what adds headers is left out."""
    found = importlib.util.find_spec("open_webui")
    if found is None or importlib.util.find_spec("langchain_core") is None:
        pytest.skip("Open WebUI's package and langchain-core are not installed")
    headers: Any = ModuleType("open_webui.utils.headers")
    headers.include_user_info_headers = lambda headers, user: headers
    headers.parse_custom_headers = lambda *arguments, **more: {}
    for name in ("open_webui", "open_webui.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "open_webui.utils.headers", headers)
    file = Path(next(iter(found.submodule_search_locations or ()))) / "retrieval/loaders/external_document.py"
    spec = importlib.util.spec_from_file_location("loader_of_open_webui", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "a b.pdf").write_bytes(scan(2))
    loader = module.ExternalDocumentLoader(tmp_path / "a b.pdf", f"{url}/", "any", mime_type="application/pdf")
    assert [(one.page_content, one.metadata["page"]) for one in loader.load()] == [
        ("Total 12.95\\\nsmudge\n", 0),
        ("Total 12.95\\\nsmudge\n", 1),
    ]
    (tmp_path / "a.docx").write_bytes(b"PK")
    with pytest.raises(Exception, match="unsupported_image_type"):
        module.ExternalDocumentLoader(tmp_path / "a.docx", url, "any").load()
