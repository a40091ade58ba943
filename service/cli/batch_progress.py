"""What `ocr batch` shows: how far it is, how fast and for how long yet; and what became of it."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from service.bulk.destination import OWN, open_destination
from service.bulk.items import Item, Shard
from service.bulk.manifest import Entry, Manifest
from service.bulk.reading import Order
from service.bulk.run import Choices, Plan, ReadAll, Tally, make_plan, run_batch
from service.cli.common import counted, explained, print_error, stderr

if TYPE_CHECKING:
    from typing_extensions import Self

LINE_SECONDS = 10.0
"""How often progress is told where it is no terminal."""
RATE_SECONDS = 60.0
"""How far the rate looks back: long enough for the pages of a document, short enough to follow a machine that slows."""
SHOWN = 10
"""Failed files that the end names; the manifest has them all."""


def show_plan(items: Sequence[Item], order: Order, part: Shard, choices: Choices) -> None:
    """Print the names of the files that would be read, and on standard error how many of how many."""
    destination = open_destination(order.target, str(part))
    plan = make_plan(items, Manifest(destination, part), order, destination, choices)
    for task in plan.tasks:
        typer.echo(printable(task.item.name))
    stderr.print(described(plan), highlight=False, soft_wrap=True)


def run_shown(items: Sequence[Item], order: Order, part: Shard, read_all: ReadAll, choices: Choices) -> int:
    """Run, show how far it is, and return the exit code."""
    with _signals() as received, _Display() as display:
        plan, tally = run_batch(
            items,
            order,
            part,
            read_all,
            choices,
            on_plan=display.begin,
            on_progress=display.move,
            interrupted=lambda: bool(received),
        )
    failed = plan.failed + tally.failed
    typer.echo(_summary(plan, tally, display.seconds))
    if failed:
        typer.echo(f"failed files: {order.target.rstrip('/')}/{OWN}/failed-{part}.jsonl")
    if received:
        return 128 + received[0]
    return 1 if failed else 0


def printable(name: str) -> str:
    """Return a name on one line, whatever it contains."""
    shown = name.encode(errors="surrogateescape").decode(errors="replace")
    return shown if shown.isprintable() else ascii(shown)[1:-1]


def described(plan: Plan) -> str:
    """Return in words what a run will do."""
    parts = [
        (plan.done, "done before"),
        (plan.failed, "failed before (--retry-failed reads them)"),
        (plan.waiting, "new, left alone"),
        (plan.outdated, "of another model or other choices"),
    ]
    return ", ".join(
        [f"{len(plan.tasks)} of {counted(plan.files, 'file')} to read"] + [f"{n} {what}" for n, what in parts if n]
    )


def duration(seconds: float) -> str:
    """Return seconds for people: `45 s`, `3 min 20 s`, `5 h 10 min`, `2 d 3 h`."""
    whole = round(seconds)
    for unit, part, size, smaller in (("d", "h", 86_400, 3_600), ("h", "min", 3_600, 60), ("min", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {part}"
    return f"{whole} s"


class _Display:
    """A bar on a terminal, else a line now and then; on standard error."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = self._told = time.monotonic()
        self._total = 0
        self._seen: deque[tuple[float, int, int]] = deque()
        """Of the last while: when, files and pages by then."""
        self._shown = 0
        self._bar = Progress(
            TextColumn("reading"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[about]}"),
            console=stderr,
            transient=True,
            disable=not stderr.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        self.seconds = time.monotonic() - self._begun

    def begin(self, plan: Plan) -> None:
        """Say what will be done."""
        self._total = len(plan.tasks)
        stderr.print(described(plan), highlight=False, soft_wrap=True)
        self._task = self._bar.add_task("reading", total=self._total, about="", visible=self._total > 1)

    def move(self, tally: Tally, entry: Entry | None) -> None:
        """Show how far it is."""
        if entry is not None and entry.status == "failed" and self._shown < SHOWN:
            self._shown += 1
            more = " (further ones are not shown)" if self._shown == SHOWN else ""
            error = entry.error or {}
            reason = explained(error.get("code", ""), error.get("detail", ""))
            print_error(f"{printable(entry.name)}: {printable(reason)}{more}")
        now = time.monotonic()
        if self._seen and now - self._seen[-1][0] < 1:
            return
        self._seen.append((now, tally.files, tally.live_pages))
        while now - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()
        about = self._about(tally)
        if self._task is not None:
            self._bar.update(self._task, completed=tally.files, about=about)
        if self._bar.disable and now - self._told > LINE_SECONDS:
            self._told = now
            stderr.print(f"{tally.files} of {counted(self._total, 'file')}, {about}", highlight=False, soft_wrap=True)

    def _about(self, tally: Tally) -> str:
        (begun, files, pages), (now, files_now, pages_now) = self._seen[0], self._seen[-1]
        seconds = max(now - begun, 1e-9)
        parts = [f"{tally.failed} failed"] if tally.failed else []
        parts.append(f"{(pages_now - pages) / seconds:.1f} pages/s")
        if files_now > files:
            parts.append(f"{duration((self._total - files_now) * seconds / (files_now - files))} left")
        return ", ".join(parts)


def _summary(plan: Plan, tally: Tally, seconds: float) -> str:
    done = plan.done + tally.unchanged
    parts = [
        f"{tally.read + done} of {counted(plan.files, 'file')} done" + (f", {done} of them before" if done else "")
    ]
    if plan.failed + tally.failed:
        parts.append(f"{plan.failed + tally.failed} failed")
    left = len(plan.tasks) - tally.files + plan.waiting
    if left:
        parts.append(f"{left} not read")
    rate = f", {tally.pages / seconds:.1f} a second" if seconds and tally.pages else ""
    return f"{'; '.join(parts)}; {counted(tally.pages, 'page')} in {duration(seconds)}{rate}"


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Give a list that SIGINT and SIGTERM are put into. A second one has its usual effect."""
    received: list[int] = []
    before: dict[int, object] = {}

    def receive(number: int, _: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, before[number])  # type: ignore[arg-type]

    for number in (int(signal.SIGINT), int(signal.SIGTERM)):
        before[number] = signal.signal(number, receive)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
