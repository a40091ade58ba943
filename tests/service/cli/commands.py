"""The command `ocr` in this process."""

from __future__ import annotations

import os
import re
import threading
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path

import pdfs
from typer.testing import CliRunner

from service.cli import app

runner = CliRunner()


def ocr(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def shown_on_terminal(*arguments: object, out: Path | None = None) -> str:
    """Return what a terminal is sent by a command, without colours; standard output may go to a file instead."""
    ours, theirs = os.openpty()
    sent = bytearray()

    def collect() -> None:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # Linux says so of a terminal that nobody has open any more
                return
            if not data:
                return
            sent.extend(data)

    reading = threading.Thread(target=collect)
    reading.start()
    with ExitStack() as stack:
        terminal = stack.enter_context(os.fdopen(theirs, "w"))
        stack.enter_context(redirect_stderr(terminal))
        stack.enter_context(redirect_stdout(stack.enter_context(out.open("w")) if out else terminal))
        app([str(argument) for argument in arguments], standalone_mode=False)
    reading.join()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", sent.decode())


PAGES = [
    pdfs.paragraph([f"This is page {number} of a document,", "which carries its text, and enough of it to be taken."])
    for number in (1, 2, 3)
]
