"""What a look at one thing gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """How a thing is."""

    ok = "ok"
    warning = "warning"
    """It works, and could be better."""
    wrong = "wrong"
    """Reading or serving will fail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A thing, how it is and why, and what to do about it."""

    name: str
    text: str
    state: State = State.ok
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON has it."""
        found = {"name": self.name, "state": self.state.value, "text": self.text, "remedy": self.remedy}
        return {name: value for name, value in found.items() if value}


def ok(name: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(name=name, text=text)


def warning(name: str, text: str, remedy: str) -> Finding:
    """Return that it works, and how it would be better."""
    return Finding(name=name, text=text, state=State.warning, remedy=remedy)


def wrong(name: str, text: str, remedy: str) -> Finding:
    """Return what is wrong, and what to do."""
    return Finding(name=name, text=text, state=State.wrong, remedy=remedy)


def size(count: float) -> str:
    """Return bytes as people read them."""
    for unit, least in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= least:
            return f"{count / least:.3g} {unit}"
    return f"{count:.0f} bytes"
