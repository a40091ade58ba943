"""What a person does on the page."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

from browser import upload
from PIL import Image
from service_fakes import encoded

PICTURE = upload("photo.png", encoded(width=400, height=300))
LINE = "#lines [role=option]"
Open = Callable[..., Any]
KEYS = f"ada read {hashlib.sha256(b'right').hexdigest()}"


def choose(page: Any, *files: dict[str, Any], state: str = "read") -> None:
    page.set_input_files("#file", files=list(files))
    page.wait_for_selector(f"body[data-state={state}]")


def texts(page: Any) -> list[str]:
    return page.locator(LINE).all_inner_texts()


def pdf_of(*sizes: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    first, *others = (Image.new("L", size, 230) for size in sizes)
    first.save(file, "PDF", save_all=True, append_images=others)
    return file.getvalue()
