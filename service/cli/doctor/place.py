"""What is around a service: cache, port, connections, keys, optional packages."""

from __future__ import annotations

import errno
import json
import os
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from service.cli.doctor.finding import Finding, ok, size, warning, wrong
from service.http.descriptors import SPARE_FILES
from service.settings import Settings

EXTRAS = {
    "cpu": ("onnxruntime", "computing on a processor"),
    "gpu": ("onnxruntime-gpu", "computing on an NVIDIA GPU"),
    "service": ("fastapi", "ocr serve"),
    "s3": ("s3fs", "models in S3"),
    "otel": ("opentelemetry-sdk", "traces"),
    "mcp": ("mcp", "ocr mcp"),
    "ppocr": ("rapidocr", "importing PP-OCRv6"),
    "ocrmypdf": ("ocrmypdf", "OCRmyPDF with this engine"),
    "trainer": ("torch", "training models"),
}
"""A package of each extra, and what the extra is for."""
_ADDRESS = "Set OCR_HOST to an address of this machine; 0.0.0.0 is all of them, 127.0.0.1 only this machine itself."


def cache(settings: Settings) -> Finding:
    """Look at where compiled networks and fetched models are kept."""
    folder, reason = settings.cache_dir, "OCR_CACHE_DIR" if os.environ.get("OCR_CACHE_DIR") else "per user"
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        remedy = "Set OCR_CACHE_DIR to a folder that may be written to; without one each start takes a little longer."
        return warning("cache", f"{folder} ({reason}) cannot be written to: {error.strerror}", remedy)
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    return ok("cache", f"{folder} ({reason}), {size(held) + ' kept' if held else 'nothing kept yet'}")


def port(settings: Settings) -> Finding:
    """Look at whether `ocr serve` could listen."""
    host, number = settings.host, settings.port
    where = f"{host}:{number}"
    try:
        try_port(host, number)
    except OSError as error:
        return _no_port(where, number, error)
    except UnicodeError:  # what a name of a machine can never be, such as a..b
        return wrong("port", f"{host} is no name of a machine", _ADDRESS)
    public = " on all addresses of this machine" if host in ("0.0.0.0", "::") else ""
    return ok("port", f"{where} is free: ocr serve would listen there{public}" if number else "any that is free")


def try_port(host: str, number: int) -> None:
    """Listen for a moment.

    Raises:
        OSError: one cannot.
        UnicodeError: the host has a name that none can have.
    """
    found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(found[0], socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(found[4])
        probe.listen()


def _no_port(where: str, number: int, error: OSError) -> Finding:
    if error.errno == errno.EADDRINUSE:
        if (running := _service_at(number)) is not None:
            remedy = f"Use it, or choose another port for a second one: ocr serve --port {number + 1}."
            return warning("port", f"{where}: ocr-service {running} serves there already", remedy)
        remedy = (
            f"Choose another: ocr serve --port {number + 1}, or OCR_PORT={number + 1}. "
            f"`ss -ltnp sport = :{number}` says who has this one."
        )
        return wrong("port", f"{where} is taken by another program", remedy)
    if error.errno == errno.EACCES:
        return wrong("port", f"{where} is only for privileged users", "Choose one from 1024 on, such as OCR_PORT=8000.")
    return wrong("port", f"{where} cannot be listened on: {error.strerror}", _ADDRESS)


def _service_at(number: int) -> str | None:
    """Return the version of the service that answers on a port of this machine; None if it is another program."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{number}/version", timeout=2) as answer:
            body = json.loads(answer.read(65536))
    except (OSError, ValueError):
        return None
    return str(body["version"]) if isinstance(body, dict) and {"version", "model", "runtime"} <= body.keys() else None


def connections(settings: Settings) -> Finding:
    """Look at how many files a process may have open: each connection is one."""
    try:
        import resource
    except ImportError:  # Windows
        return ok("files", "no limit known")
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < settings.max_connections + SPARE_FILES:
        return warning(
            "files",
            f"a process may open {limit}, and OCR_MAX_CONNECTIONS={settings.max_connections} asks for more",
            f"ulimit -n {settings.max_connections + SPARE_FILES}, or lower OCR_MAX_CONNECTIONS.",
        )
    return ok("files", f"a process may open {limit}, enough for {settings.max_connections} connections")


def keys(settings: Settings) -> Finding:
    """Look at who may ask."""
    from service.auth.keyfile import load_keys
    from service.auth.keys import KeysError

    try:
        found = load_keys(settings)
    except (KeysError, OSError, UnicodeDecodeError) as error:
        remedy = "Write each key as `ocr keys new NAME` prints its line, or unset OCR_API_KEYS and OCR_API_KEYS_FILE."
        return wrong("keys", f"the API keys cannot be read: {error}", remedy)
    if found:
        return ok("keys", "asked for")
    return ok("keys", "none: whoever reaches the port may read, and nobody may load models (`ocr keys new` makes one)")


def extras(settings: Settings) -> Finding:
    """Look at which optional packages are there."""
    there = [name for name, (package, _) in EXTRAS.items() if _has(package)]
    missing = [f"{name} ({purpose})" for name, (_, purpose) in EXTRAS.items() if name not in there]
    text = f"installed: {', '.join(there)}" + (f"; not: {', '.join(missing)}" if missing else "")
    if settings.traces and "otel" not in there:
        return wrong("extras", "OCR_TRACES is set, and the extra `otel` is not installed", _install("otel"))
    return ok("extras", text)


def _install(extra: str) -> str:
    return f"pip install 'ocr-service[{extra}]', or unset what asks for it."


def _has(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


CHECKS: tuple[Callable[[Settings], Finding], ...] = (cache, port, connections, keys, extras)
