from __future__ import annotations

import os
from pathlib import Path

import pytest
from answering import answering, body
from service_fakes import FakeReader, encoded

from ocr_core.errors import ImageError
from ocr_core.pipeline.result import ReadOptions
from service.ocrmypdf import reading
from service.ocrmypdf.reading import RemoteServiceError, engine_threads, read_file


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "page.png"
    path.write_bytes(encoded())
    return path


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[FakeReader]:
    """Let engines be fakes; gives those that were loaded."""
    made: list[FakeReader] = []

    def load(_: object) -> FakeReader:
        made.append(FakeReader())
        return made[-1]

    monkeypatch.setattr(reading, "load_engine", load)
    monkeypatch.setattr(reading, "_engines", {})
    return made


def test_a_process_loads_one_engine_and_a_fork_of_it_another(
    loaded: list[FakeReader], image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        assert read_file(image, url=None, threads=1).text == "Total 12.95\nsmudge"
    assert [reader.calls for reader in loaded] == [[ReadOptions(words=True)] * 2]
    monkeypatch.setattr(os, "getpid", lambda: 1)
    read_file(image, url=None, threads=1)
    assert len(loaded) == 2


def test_a_service_is_asked_for_words_with_the_key(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_SERVICE_KEY", "secret")
    with answering((200, {}, body(40, 30))) as (url, asked):
        page = read_file(image, url=url + "/", threads=None)
    assert (page.width, page.height, page.text) == (40, 30, "Hello world")
    assert [(word.text, word.quad[0].tolist()) for word in page.lines[0].words] == [
        ("Hello", [100, 100]),
        ("world", [320, 100]),
    ]
    ((path, headers, data),) = asked
    assert (path, data) == ("/v1/ocr?words=true", encoded())
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer secret", "image/png")


def test_a_busy_service_is_asked_again_when_it_says(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    answers = [(429, {"Retry-After": "3"}, {}), (503, {"Retry-After": "9000"}, {}), (429, {}, {})]
    with answering(*answers, (200, {}, body(40, 30))) as (url, asked):
        assert read_file(image, url=url, threads=None).text == "Hello world"
    assert (waited, len(asked)) == ([3, 30, 1], 4)
    with answering((429, {}, {})) as (url, asked), pytest.raises(RemoteServiceError, match="still busy"):
        read_file(image, url=url, threads=None)
    assert len(asked) == reading.TRIES


FAILURES = {
    "refused": ((401, {}, {"detail": "no such key"}), RemoteServiceError, "no such key"),
    "no problem document": ((500, {}, []), RemoteServiceError, "500"),
    "another service": ((200, {}, {"hello": 1}), RemoteServiceError, "pages"),
    "unreadable": ((200, {}, {"pages": [{"error": {"detail": "damaged"}}]}), ImageError, "damaged"),
}


@pytest.mark.parametrize(("answer", "error", "message"), FAILURES.values(), ids=FAILURES)
def test_what_a_service_cannot_do_is_said(image: Path, answer: tuple, error: type[Exception], message: str) -> None:
    with answering(answer) as (url, _), pytest.raises(error, match=message):
        read_file(image, url=url, threads=None)


def test_a_service_that_is_not_there_is_an_error(image: Path) -> None:
    with answering((200, {}, {})) as (url, _):
        pass
    with pytest.raises(RemoteServiceError, match="refused"):
        read_file(image, url=url, threads=None)


THREADS = {
    "all cores for one": (1, {}, 8),
    "a share for each": (3, {}, 2),
    "one at least": (20, {}, 1),
    "as few as Tesseract would take": (1, {"OMP_THREAD_LIMIT": "2"}, 2),
    "a limit that says nothing": (1, {"OMP_THREAD_LIMIT": "many"}, 8),
    "those of the settings": (1, {"OCR_THREADS": "5"}, None),
}


@pytest.mark.parametrize(("workers", "environment", "threads"), THREADS.values(), ids=THREADS)
def test_workers_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, workers: int, environment: dict[str, str], threads: int | None
) -> None:
    monkeypatch.setattr(reading, "available_cores", lambda: 8)
    for name in ("OMP_THREAD_LIMIT", "OCR_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert engine_threads(workers) == threads
