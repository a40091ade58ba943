"""The command `ocr`. Each command imports what it needs when it runs, so that `ocr --help` answers at once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from service.cli import batch, bench, doctor, evaluate, keys, mcp, models, read, serve
from service.cli.common import end_process, fail

USAGE = 2


class _Commands(typer.core.TyperGroup):
    """Turns errors that a person can act on into one line; anything else is a fault of ours and shows its traceback."""

    def make_context(self, *args: Any, **others: Any) -> Any:
        """Understand a command line, which may be to print the version or the help."""
        try:
            return super().make_context(*args, **others)
        except BrokenPipeError:
            raise
        except OSError as error:
            fail(str(error))

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        from pydantic import ValidationError

        from ocr_core.errors import OcrError

        try:
            return super().invoke(ctx)
        except ValidationError as error:
            from service.http.fields import in_words

            first = error.errors(include_input=False)[0]
            name = "_".join(["OCR", *map(str, first["loc"])]).upper() if first["loc"] else "settings"
            fail(f"{name}: {in_words(first)}", code=USAGE)
        except BrokenPipeError:  # `ocr read … | head`; the framework ends quietly
            raise
        except (OcrError, OSError) as error:
            fail(str(error))


app = typer.Typer(
    name="ocr",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command("read")(read.read)
app.command("batch")(batch.batch)
app.command("serve")(serve.serve)
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("eval")(evaluate.evaluate)
app.command("mcp")(mcp.mcp)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")


def _show_version(asked: bool) -> None:
    if asked:
        from ocr_core.version import program_version

        typer.echo(program_version())
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Read the text in images, serve it over HTTP, look after models. Settings come from OCR_* variables."""


def main() -> None:
    """Run the command line; the entry point `ocr`."""
    try:
        app()
    except SystemExit as end:
        end_process(end.code)
