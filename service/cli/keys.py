"""`ocr keys`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Make API keys.")


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Whose key it is, as logs will name it.")],
    *,
    admin: Annotated[bool, typer.Option("--admin", help="It may load and unload models too.")] = False,
) -> None:
    """Print a new key, which is kept nowhere, and the line to put into OCR_API_KEYS or its file."""
    from service.auth.keys import KeysError, new_key

    try:
        secret, key = new_key(name, ("read", "admin") if admin else ("read",))
    except KeysError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
    typer.echo(f"key:  {secret}")
    typer.echo(f"line: {key.line()}")
