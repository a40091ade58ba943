"""`GET /`: the page for people. By its Content-Security-Policy it may ask this service and nothing else."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Header, Response
from starlette.exceptions import HTTPException

from ocr_core.formats.registry import FORMATS
from service.http.context import Context, ContextDep
from service.page.files import START, PageFile, load_files

HEADERS = {
    # Nothing of another host and nothing inline. Pictures that a person chose are `blob:` addresses; text that was read
    # is never taken for HTML: the browser refuses what is not text (trusted types).
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked for again each time, with their ETag: a newer service shows its own page at once.
    "Cache-Control": "no-cache",
}

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]

router = APIRouter(include_in_schema=False)
_files = load_files()


@router.get("/")
async def page(if_none_match: IfNoneMatch = None) -> Response:
    """Return the page."""
    return _sent(_files[START], if_none_match)


@router.get("/page/about.json")
async def about(context: ContextDep, if_none_match: IfNoneMatch = None) -> Response:
    """Return what the page must know of this service before anything is read."""
    body = json.dumps(_about(context), separators=(",", ":")).encode()
    return _sent(PageFile(body, "application/json"), if_none_match)


@router.get("/page/{name}")
async def page_file(name: str, if_none_match: IfNoneMatch = None) -> Response:
    """Return a file of the page."""
    file = _files.get(name)
    if file is None or name == START:
        raise HTTPException(404, "Not Found")
    return _sent(file, if_none_match)


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


def _sent(file: PageFile, if_none_match: str | None) -> Response:
    headers = {**HEADERS, "ETag": file.etag}
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    if file.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.media_type)
