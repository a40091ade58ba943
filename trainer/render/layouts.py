"""Where text stands on a page: every layout fills the sheet of a `Desk` from top to bottom."""

from __future__ import annotations

from collections.abc import Callable

from trainer.render.business import form, receipt, table
from trainer.render.desk import Desk
from trainer.render.prose import book, document, screen, slide

LAYOUTS: dict[str, Callable[[Desk], None]] = {
    "receipt": receipt,
    "form": form,
    "table": table,
    "document": document,
    "book": book,
    "slide": slide,
    "screen": screen,
}
