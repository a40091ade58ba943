"""Log lines: JSON objects for collectors, or plain lines for people."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Literal

from service.observe.tracing import trace_id

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request being served in this context; log lines take it from here."""

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def configure_logging(level: str, style: Literal["json", "console"]) -> None:
    """Send every log line of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else ConsoleFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # Pillow warns of every oddity of a damaged upload, and at `debug` tells what is in it; the answer says enough.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what was given as `extra`, and the ids of the request being served and of its trace."""
    fields = {name: value for name, value in vars(record).items() if name not in _PLAIN}
    request = {"request_id": request_id.get(), "trace_id": trace_id.get()}
    return {**{name: value for name, value in request.items() if value}, **fields}


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return `record` as JSON."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class ConsoleFormatter(logging.Formatter):
    """Time, level and message, then the fields as `name=value`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line without its traceback."""
        fields = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        return f"{super().formatMessage(record)} {fields}".rstrip()
