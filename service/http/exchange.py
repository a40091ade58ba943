"""What is known of a request while it is served: shared by the handlers, the metrics and the log."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network

from fastapi import Request

from service.observe.metrics import Kind

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(kw_only=True, slots=True)
class Exchange:
    """A request and what became of it."""

    request_id: str
    started: float = field(default_factory=time.monotonic)
    status: int = 0
    """Status of the answer, 0 until it begins."""
    error: Exception | None = None
    """The error that was answered, if any."""
    key: str | None = None
    """Name of the API key that it came with."""
    kind: Kind = "image"
    """What it has asked for; an image until it is known."""
    model_digest: str | None = None
    """Digest of the model that answered."""
    facts: dict[str, object] = field(default_factory=dict)
    """Counts and timings for the log line. Never content: no pixels, no text, no file names."""

    def elapsed(self) -> float:
        """Return the seconds since the first byte."""
        return time.monotonic() - self.started


def choose_request_id(offered: str | None) -> str:
    """Return the client's own id where it is fit for a log line, else a new one."""
    return offered if offered and _ACCEPTABLE.fullmatch(offered) else uuid.uuid4().hex


def caller_of(request: Request) -> str:
    """Return who sent `request`: its key's name, or the network that it came from where there are no keys."""
    key = exchange_of(request).key
    if key is not None:
        return f"key {key}"
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:  # of a socket in the file system, or a name that a proxy gave
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped:  # of a socket that listens for both
        return str(address.ipv4_mapped)
    # Whoever has one address has as many as there are in a network of 64 bits.
    return str(ip_network((address, 64), strict=False))


def exchange_of(request: Request) -> Exchange:
    """Return the exchange that the middleware opened for `request`."""
    exchange = request.state.exchange
    assert isinstance(exchange, Exchange)
    return exchange
