"""`ocr doctor`: what would be used and why, and what is wrong, with a remedy for each thing."""

from __future__ import annotations

import io
import json
import platform
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from service.cli.common import BackendOption, HostOption, ModelOption, PortOption, StoreOption, ThreadsOption
from service.cli.doctor.finding import Finding, State

_COLOURS = {State.ok: typer.colors.GREEN, State.warning: typer.colors.YELLOW, State.wrong: typer.colors.RED}
_WIDEST = 110


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs and bug reports.")] = False,
    host: HostOption = None,
    port: PortOption = None,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Say what reading and serving would use here and why, and what is wrong. Exits with 1 if something is wrong."""
    from ocr_core.version import program_version

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal has an arrow, not every path is UTF-8
    overrides = {"host": host, "port": port, "model": model, "model_store": store, "backend": backend}
    found = _findings({**overrides, "threads": threads})
    program = f"ocr-service {program_version()} on Python {platform.python_version()}, {platform.platform()}"
    if as_json:
        findings = list(found)
        wrong = sum(finding.state is State.wrong for finding in findings)
        report = {"program": program, "healthy": not wrong, "findings": [finding.as_dict() for finding in findings]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"{program}\n")
        wrong = _show(found)
    raise typer.Exit(1 if wrong else 0)


def _findings(overrides: dict[str, object]) -> Iterator[Finding]:
    """Yield one finding after the other, as they are found."""
    from service.cli.doctor import machine, model, place, settings

    chosen, problems = settings.examine(overrides)
    yield from problems
    yield machine.processor()
    yield machine.cores(chosen)
    yield machine.gpu(chosen)
    if chosen is None:  # all that follows depends on them
        return
    trial = model.run_trial(chosen)
    yield from model.examine(chosen, trial)
    yield machine.memory(chosen, trial.peak)
    for check in place.CHECKS:
        yield check(chosen)


def _show(found: Iterable[Finding]) -> int:
    """Print findings as they come; return how many things are wrong."""
    counts = dict.fromkeys(State, 0)
    width = min(shutil.get_terminal_size((_WIDEST, 0)).columns, _WIDEST)
    for finding in found:
        counts[finding.state] += 1
        mark = typer.style(f"{finding.state.value:<9}", fg=_COLOURS[finding.state], bold=finding.state is not State.ok)
        head, *rest = _wrapped(finding.text, width)
        typer.echo(f"{mark}{finding.name:<11}{head}")
        lines = rest + [f"→ {line}" if not i else f"  {line}" for i, line in enumerate(_wrapped(finding.remedy, width))]
        for line in lines:
            typer.echo(f"{'':<20}{line}")
    typer.echo()
    typer.echo(_summary(counts[State.wrong], counts[State.warning]))
    return counts[State.wrong]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(30, width - 22), break_long_words=False, break_on_hyphens=False)


def _summary(wrong: int, warnings: int) -> str:
    if wrong:
        return f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong. What to do stands behind each arrow."
    if warnings:
        return "All works. Where there is a warning, something could be better."
    return "All is well."
