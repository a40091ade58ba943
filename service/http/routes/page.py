"""`GET /`: the page for people. By its Content-Security-Policy it may ask this service and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from ocr_core.formats.registry import FORMATS
from service.http.context import Context, ContextDep
from service.page.files import START, PageFile, load_files

POLICY = {
    # Nothing of another host and nothing inline. Pictures that a person chose are `blob:` addresses; text that was read
    # is never taken for HTML: the browser refuses what is not text (trusted types).
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked for again each time, with their ETag: a newer service shows its own page at once.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}

router = APIRouter(include_in_schema=False)
_files = load_files()


@router.get("/")
async def page(request: Request) -> Response:
    """Return the page."""
    return _sent(_files[START], request, POLICY)


@router.get("/page/about.json")
async def about(context: ContextDep, request: Request) -> Response:
    """Return what the page must know of this service before anything is read."""
    body = json.dumps(_about(context), separators=(",", ":")).encode()
    return _sent(PageFile(body, "application/json"), request)


@router.get("/page/{name}")
async def page_file(name: str, request: Request) -> Response:
    """Return a file of the page."""
    file = _files.get(name)
    if file is None or name == START:
        raise HTTPException(404, "Not Found")
    return _sent(file, request)


def _about(context: Context) -> dict[str, object]:
    settings = context.settings
    return {
        "needs_key": bool(context.access.keys),
        "max_bytes": int(settings.payload_limit),
        "max_files": settings.max_client_batch_size,
        "max_pixels": settings.max_pixels,
        "max_pages": settings.max_pages,
        "formats": [{"name": each.name, "suffix": each.suffix} for each in FORMATS.values()],
    }


def _sent(file: PageFile, request: Request, more: Mapping[str, str] | None = None) -> Response:
    """Return a file, or 304 to who has it; each of its two forms has an ETag of its own."""
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{file.etag}{"-gzip" if zipped else ""}"'
    headers = {**HEADERS, **(more or {}), "ETag": tag}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(file.gzipped if zipped else file.body, headers=headers, media_type=file.media_type)
