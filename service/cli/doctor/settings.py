"""What the environment says, and what it misspells."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from service.cli.doctor.finding import Finding, ok, warning, wrong
from service.http.fields import in_words
from service.settings import CONFIG_VARIABLE, Settings, load_settings

PREFIX = "OCR_"
OTHERS = frozenset(
    {CONFIG_VARIABLE, "OCR_SERVICE_KEY", "OCR_VERSION", "OCR_PUBLISH", "OCR_GPU_PUBLISH", "OCR_S3_PUBLISH"}
)
"""Variables with the prefix that are no settings of the service: of compose, and of clients."""


def examine(overrides: Mapping[str, object]) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, None if they cannot be used, and what is to be said of them."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = [_unknown(name, known) for name in sorted(os.environ) if name.startswith(PREFIX) and name not in OTHERS]
    problems = [finding for finding in unknown if finding is not None]
    try:
        settings = load_settings(**overrides)
    except (OSError, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, FileNotFoundError) else f"{CONFIG_VARIABLE} cannot be read: {error}"
        return None, [wrong("settings", why, f"Correct {CONFIG_VARIABLE}, or unset it."), *problems]
    except ValidationError as error:
        return None, [*_refused(error), *problems]
    names = sorted(known & os.environ.keys())
    config = f", and {os.environ[CONFIG_VARIABLE]}" if os.environ.get(CONFIG_VARIABLE) else ""
    said = f"from the environment: {', '.join(names)}{config}" if names or config else "all of them defaults"
    return settings, [ok("settings", said), *problems]


def _unknown(name: str, known: Iterable[str]) -> Finding | None:
    if name in known:
        return None
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    advice = f"Did you mean {near[0]}?" if near else "docs/settings.md lists all that there are."
    return warning("settings", f"{name} is set, and no setting is called so: it does nothing.", advice)


def _refused(error: ValidationError) -> list[Finding]:
    found = []
    for one in error.errors(include_input=False):
        name = PREFIX + "_".join(map(str, one["loc"])).upper() if one["loc"] else "together"
        found.append(
            wrong("settings", f"{name}: {in_words(one)}.", "Correct it or unset it; the rest is looked at then.")
        )
    return found
