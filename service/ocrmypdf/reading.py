"""Pages for OCRmyPDF, read in its own worker process or by a running service."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ocr_core.cpu import available_cores
from ocr_core.errors import ImageError, OcrError
from ocr_core.pages.images import decode
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import Line, Page, ReadOptions, Word
from service.engine.loading import load_engine
from service.settings import load_settings

KEY_VARIABLE = "OCR_SERVICE_KEY"
"""Environment variable with the API key for a service that asks for one."""
TIMEOUT = 180.0
"""Seconds that a service may take for a page: what OCRmyPDF grants Tesseract."""
TRIES = 20
"""Times that a busy service is asked for a page."""
LONGEST_WAIT = 30.0
"""Seconds between two of them at most, whatever the service says."""
PNG = "image/png"

_engines: dict[tuple[int, int | None], Engine] = {}
_loading = threading.Lock()


class RemoteServiceError(OcrError):
    """A service that does not read."""

    code = "remote_service"


def read_file(image: Path, *, url: str | None, threads: int | None) -> Page:
    """Return the lines of an image, with their words.

    Args:
        image: a file in a format that is read here.
        url: of a running service; None reads in this process.
        threads: cores for the engine of this process.

    Raises:
        OcrError: the image cannot be read, the engine not be loaded, or the service does not read.
        OSError: the file cannot be read.
    """
    data = image.read_bytes()
    return _ask(url, data) if url else _read(data, threads)


def engine_threads(workers: int) -> int | None:
    """Return the cores for each of so many engines; None leaves it to the settings.

    `OMP_THREAD_LIMIT` limits the engine as it limits Tesseract.
    """
    if os.environ.get("OCR_THREADS"):
        return None
    limit = os.environ.get("OMP_THREAD_LIMIT", "")
    share = max(1, available_cores() // max(1, workers))
    return min(share, int(limit)) if limit.isdecimal() and int(limit) else share


def _read(data: bytes, threads: int | None) -> Page:
    settings = load_settings()
    image = decode(data, max_pixels=settings.max_pixels)
    return _engine(threads).read(image.pixels, ReadOptions(words=True))


def _engine(threads: int | None) -> Engine:
    """Return the engine of this process, which is loaded once.

    It is that of the process: what a fork takes along of an engine are its locks without its threads.
    """
    key = (os.getpid(), threads)
    with _loading:
        if key not in _engines:
            _engines[key] = load_engine(load_settings(threads=threads))
        return _engines[key]


def _ask(url: str, data: bytes) -> Page:
    """Let a service read, and wait for it while it is busy."""
    request = urllib.request.Request(
        f"{url.rstrip('/')}/v1/ocr?words=true", data=data, headers={"Content-Type": PNG, **_authorization()}
    )
    for _ in range(TRIES):
        answer = _try(url, request)
        if isinstance(answer, Page):
            return answer
        time.sleep(answer)
    raise RemoteServiceError(f"{url}: still busy after {TRIES} tries")


def _try(url: str, request: urllib.request.Request) -> Page | float:
    """Return the page, or the seconds after which a busy service may be asked again."""
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return page_of(json.load(response)["pages"][0])
    except urllib.error.HTTPError as error:
        if error.code not in (429, 503):
            raise RemoteServiceError(f"{url}: {_detail(error)}") from error
        wait = error.headers.get("Retry-After", "")
        return min(LONGEST_WAIT, float(wait)) if wait.isdecimal() else 1.0
    except (OSError, ValueError, LookupError) as error:
        raise RemoteServiceError(f"{url}: {error}") from error


def _authorization() -> dict[str, str]:
    key = os.environ.get(KEY_VARIABLE)
    return {"Authorization": f"Bearer {key}"} if key else {}


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (OSError, ValueError, LookupError, TypeError):
        return str(error)


def page_of(body: Mapping[str, Any]) -> Page:
    """Return a page as a service sends it (`service.http.schemas.Page`).

    Raises:
        ImageError: it says that the page could not be read.
    """
    if error := body.get("error"):
        raise ImageError(error["detail"])
    return Page(
        width=body["width"],
        height=body["height"],
        rotation=body["rotation"],
        lines=tuple(
            Line(**_text(line), words=tuple(Word(**_text(word)) for word in line["words"])) for line in body["lines"]
        ),
    )


def _text(body: Mapping[str, Any]) -> dict[str, Any]:
    quad = np.array(body["polygon"], np.float32)
    return {"text": body["text"], "confidence": body["confidence"], "quad": quad}
