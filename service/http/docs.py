"""`GET /docs`: the API to look at and to try, by Swagger UI. Every file comes from here, none from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

FILES = ("fastapi_swagger", "resources")
"""Package and folder that carry Swagger UI, byte for byte as npm has it."""

HEADERS = {
    # Scripts and styles from our files alone; icons lie in the style as data. Nothing of another host, nothing inline.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# Every link is relative, so that the page works behind a proxy that serves it below a path of its own.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>OCR service</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_SCRIPT = """SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});
"""

_router = APIRouter(include_in_schema=False)


@_router.get("/docs")
async def docs() -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(_PAGE, headers=HEADERS)


@_router.get("/docs/start.js")
async def start_script() -> Response:
    """Return the script that starts Swagger UI; in a file of its own, for inline scripts are forbidden."""
    return Response(_SCRIPT, media_type="text/javascript", headers=HEADERS)


def install_docs(app: FastAPI) -> None:
    """Serve the page and the files of Swagger UI."""
    app.include_router(_router)
    app.mount("/docs", StaticFiles(packages=[FILES]))
