"""Reads the text in images and documents through a running OCR service.

    from ocr_client import Client

    with Client("http://localhost:8000") as client:
        print(client.read("receipt.jpg").text)

`AsyncClient` has the same methods as coroutines. What goes wrong at the service or on
the way to it is an `OcrError`; wrong arguments raise `ValueError`, `TypeError` or `OSError`.
"""

from __future__ import annotations

from ocr_client.asynchronous import AsyncClient
from ocr_client.errors import (
    AccessError,
    DeadlineExceededError,
    FileError,
    InternalError,
    OcrError,
    OverloadedError,
    RequestError,
    ServiceError,
    TransportError,
    UnavailableError,
)
from ocr_client.jobs import Job, JobPageError
from ocr_client.pages import Answer, End, Line, Model, Page, Problem, Word
from ocr_client.requests import File, Format, Options, Upload
from ocr_client.retries import Retries
from ocr_client.streams import AsyncPageStream, PageStream
from ocr_client.synchronous import Client
from ocr_client.version import VERSION

__all__ = [
    "AccessError",
    "Answer",
    "AsyncClient",
    "AsyncPageStream",
    "Client",
    "DeadlineExceededError",
    "End",
    "File",
    "FileError",
    "Format",
    "InternalError",
    "Job",
    "JobPageError",
    "Line",
    "Model",
    "OcrError",
    "Options",
    "OverloadedError",
    "Page",
    "PageStream",
    "Problem",
    "RequestError",
    "Retries",
    "ServiceError",
    "TransportError",
    "UnavailableError",
    "Upload",
    "Word",
    "__version__",
]

__version__ = VERSION
