"""What the commands share: options, the engine, files and errors."""

from __future__ import annotations

import logging
import os
import re
import stat
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.bulk.folders import files_below

if TYPE_CHECKING:
    from ocr_core.pipeline.engine import Engine
    from service.settings import Settings

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})

DOCUMENT_SUFFIXES = SUFFIXES | {".pdf"}

BACKENDS = ("auto", "openvino", "onnxruntime", "cuda")
"""Those of `ocr_core.backends`, named here so that `--help` need not import them."""

ALIASES = {"md": "markdown", "txt": "text"}
"""Formats by the suffixes that they are better known by."""

STANDARD = Path("-")
"""Standard input, or standard output."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Those of ASCII and Latin-1, ends of lines and paragraphs, and what turns the direction of text."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)

stderr = Console(stderr=True)


def file_path(text: str | Path) -> Path:
    """Return what an argument names; `./-` is a file of that name, though a Path of it is the same as one of `-`."""
    path = Path(text)
    return Path.cwd() / path if path == STANDARD and str(text) != str(STANDARD) else path


def document_path(text: str | Path) -> Path:
    """Return the document that an argument names.

    Raises:
        typer.BadParameter: an address, of which a Path would make another one.
    """
    if _URL.match(str(text)):
        raise typer.BadParameter(f"{shown(str(text))} is a URL, and none is fetched: download it first")
    return file_path(text)


Images = Annotated[list[Path], typer.Argument(help="Images, and folders of images.", show_default=False)]
Documents = Annotated[
    list[Path], typer.Argument(parser=document_path, help="PDFs, images, and folders of them.", show_default=False)
]


def complete_model(incomplete: str) -> list[str]:
    """Return the models whose names begin so, for shells; with their versions once there is an @."""
    from ocr_core.errors import OcrError
    from service.engine.loading import open_model_store
    from service.settings import load_settings

    try:
        entries = open_model_store(load_settings()).list()
    except (OcrError, OSError, ValueError):  # a shell is no place for complaints
        return []
    names = (f"{entry.name}@{entry.version}" if "@" in incomplete else entry.name for entry in entries)
    return sorted({name for name in names if name.startswith(incomplete)})


def complete_backend(incomplete: str) -> list[str]:
    """Return the backends whose names begin so, for shells."""
    return [name for name in BACKENDS if name.startswith(incomplete)]


StoreOption = Annotated[str | None, typer.Option("--store", help="Model store, instead of OCR_MODEL_STORE.")]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="name[@version], instead of OCR_MODEL.", autocompletion=complete_model)
]
BackendOption = Annotated[
    str | None,
    typer.Option(
        "--backend",
        help="auto, openvino, onnxruntime or cuda, instead of OCR_BACKEND.",
        autocompletion=complete_backend,
    ),
]
HostOption = Annotated[str | None, typer.Option(help="Address to listen on, instead of OCR_HOST.")]
PortOption = Annotated[int | None, typer.Option(help="Port to listen on, instead of OCR_PORT.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", help="Cores, instead of OCR_THREADS.")]


class TextLayerChoice(str, Enum):
    """Those of `ocr_core.pipeline.documents`, named here so that `--help` need not import them."""

    auto = "auto"
    ignore = "ignore"
    only = "only"


PagesOption = Annotated[str | None, typer.Option("--pages", help="Pages of each file, such as 3, 1-5,9 or 3-.")]
PasswordOption = Annotated[str | None, typer.Option("--password", help="Opens encrypted PDFs.")]
TextLayerOption = Annotated[
    TextLayerChoice,
    typer.Option(
        "--text-layer", help="Text that a PDF carries: take it and read the rest, ignore it, or take only it."
    ),
]
DetectOption = Annotated[
    bool, typer.Option("--detect/--no-detect", help="Find lines first; else the whole image is one line.")
]
LanguageOption = Annotated[
    bool, typer.Option("--language/--no-language", help="Settle doubtful words by the model's language model.")
]
MinConfidenceOption = Annotated[
    float, typer.Option("--min-confidence", min=0, max=1, help="Leave out lines below this.")
]


def end_process(code: str | int | None) -> NoReturn:
    """End the process, without taking Python down where a thread was left behind: in native code it would crash.

    Only threads that nobody waits for can be left by now: `ocr serve` leaves what hangs in a decoder or a network.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed by whoever started this
                stream.flush()
        os._exit(code if isinstance(code, int) else bool(code))
    raise SystemExit(code)


def shown(name: str) -> str:
    """Return a name as a terminal may show it: it may hold line ends, and what moves or colours a terminal."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), name)


def print_error(message: str) -> None:
    """Print one line on standard error."""
    stderr.print(message, style="red", markup=False, highlight=False, soft_wrap=True)


def counted(count: int, noun: str) -> str:
    """Return so many of a thing in words."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def explained(code: str, message: str) -> str:
    """Return why a file could not be read, with the option that mends it instead of the field of a request."""
    return {
        "password_required": "the PDF is encrypted: give its password by --password",
        "wrong_password": "the PDF is encrypted, and not with the password of --password",
    }.get(code, message)


def fail(message: str, code: int = 1) -> NoReturn:
    """Print one line and end the command."""
    print_error(f"error: {message}")
    raise typer.Exit(code)


@contextmanager
def opened_engine(settings: Settings) -> Iterator[Engine]:
    """Load the engine that `settings` describe, and close it in the end."""
    from service.engine.loading import load_engine

    engine = load_engine(settings)
    try:
        yield engine
    finally:
        engine.close()


def image_files(
    paths: Sequence[Path], suffixes: AbstractSet[str] = SUFFIXES, unread: Counter[str] | None = None
) -> list[Path]:
    """Return the files among `paths`, and in place of each folder the images in it at any depth, sorted.

    A folder that cannot be looked into stands among the files: reading it says why. What is no file, such as a pipe, is
    read only where it is named itself. `unread` is told of other pictures and documents, as `files_below` does.
    """
    files: list[Path] = []
    for path in paths:
        folder = stat.S_ISDIR(_kind(path) or 0)
        files += sorted(filter(_may_be_read, files_below(path, suffixes, unread))) if folder else [path]
    return files


def _may_be_read(path: Path) -> bool:
    kind = _kind(path)
    return kind is None or stat.S_ISREG(kind) or stat.S_ISDIR(kind)


def _kind(path: Path) -> int | None:
    """Return the mode of what is there; None: it is said when it is read why that cannot be told."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return None


def progress_bar(total: int | None, *, hidden: bool = False) -> Progress:
    """Return a bar on standard error, shown only to people and only for more than one item; None: who knows yet."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
        disable=hidden or (total is not None and total < 2) or not stderr.is_terminal,
    )
