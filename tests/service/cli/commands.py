"""The command `ocr` in this process."""

from __future__ import annotations

import pdfs
from typer.testing import CliRunner

from service.cli import app

runner = CliRunner()


def ocr(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


PAGES = [
    pdfs.paragraph([f"This is page {number} of a document,", "which carries its text, and enough of it to be taken."])
    for number in (1, 2, 3)
]
