"""`ocr models`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from service.cli.common import BackendOption, StoreOption, complete_model, print_error

app = typer.Typer(no_args_is_help=True, help="List, make, check and choose model bundles.")

OnnxFile = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, show_default=False)]


@app.command("list")
def list_models(store: StoreOption = None) -> None:
    """List the bundles of the store, one `name@version` a line; an asterisk marks the current version of a name."""
    from service.engine.loading import open_model_store
    from service.settings import load_settings

    for entry in open_model_store(load_settings(model_store=store)).list():
        typer.echo(f"{'*' if entry.current else ' '} {entry.name}@{entry.version}")


@app.command("show")
def show(
    ref: Annotated[
        str,
        typer.Argument(metavar="NAME[@VERSION]", help="By default its current version.", autocompletion=complete_model),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The manifest, with digest and place.")] = False,
    store: StoreOption = None,
) -> None:
    """Print a model's card: what is in it, where it comes from, how well it reads. All its files are verified."""
    from service.cli.card import card, card_json
    from service.engine.loading import open_model_store
    from service.settings import load_settings

    opened = open_model_store(load_settings(model_store=store))
    bundle = opened.open(ref)
    typer.echo(card_json(bundle) if as_json else card(bundle, opened))


@app.command("import")
def import_model(
    name: Annotated[str, typer.Argument(help="Name of the bundle.")] = "ppocrv6",
    *,
    det: OnnxFile = None,
    rec: OnnxFile = None,
    cls: OnnxFile = None,
    dictionary: Annotated[Path | None, typer.Option(exists=True, help="By default in or beside --rec.")] = None,
    version: Annotated[str | None, typer.Option(help="By default made of the time and the content.")] = None,
    licence: Annotated[str, typer.Option(help="SPDX identifier of the models' licence.")] = "",
    if_absent: Annotated[bool, typer.Option("--if-absent", help="Do nothing if the store has the name.")] = False,
    store: StoreOption = None,
) -> None:
    """Make a bundle of PP-OCR's ONNX files, or without --det and --rec of those in the installed package rapidocr."""
    from ocr_core.bundle.ppocr import import_ppocr, import_rapidocr
    from ocr_core.pipeline.golden import read_golden
    from service.engine.loading import open_model_store
    from service.settings import load_settings

    if (det is None) != (rec is None) or (det is None and (cls or dictionary)):
        raise typer.BadParameter("--det and --rec belong together, and --cls and --dictionary to them")
    target = open_model_store(load_settings(model_store=store))
    if if_absent and target.versions(name):
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bundle"
        if det is None or rec is None:
            bundle = import_rapidocr(folder, read=read_golden, name=name, version=version)
        else:
            bundle = import_ppocr(
                folder,
                name=name,
                read=read_golden,
                det=det,
                rec=rec,
                cls=cls,
                dictionary=dictionary,
                version=version,
                licence=licence,
            )
        target.publish(bundle)
    typer.echo(bundle.ref)


@app.command()
def verify(
    refs: Annotated[list[str] | None, typer.Argument(help="name[@version]; by default all of the store.")] = None,
    *,
    store: StoreOption = None,
    backend: BackendOption = None,
) -> None:
    """Check every hash of bundles, and that they read their golden samples. Exits with 1 if one does not."""
    from ocr_core.errors import OcrError
    from service.engine.loading import load_engine, open_model_store
    from service.settings import load_settings

    settings = load_settings(model_store=store, backend=backend)

    def reads(ref: str) -> bool:
        try:
            load_engine(settings.model_copy(update={"model": ref})).close()
        except OcrError as error:
            print_error(f"{ref}: {error}")
            return False
        typer.echo(f"{ref}: good")
        return True

    chosen = refs or [f"{entry.name}@{entry.version}" for entry in open_model_store(settings).list()]
    good = [reads(ref) for ref in chosen]
    raise typer.Exit(0 if all(good) else 1)


@app.command()
def use(
    ref: Annotated[str, typer.Argument(metavar="NAME@VERSION", autocompletion=complete_model)],
    *,
    store: StoreOption = None,
) -> None:
    """Make a version the current one of its name. Running services take it up within `OCR_MODEL_POLL_SECONDS`."""
    from service.engine.loading import open_model_store
    from service.settings import load_settings

    name, _, version = ref.partition("@")
    if not version:
        raise typer.BadParameter("write NAME@VERSION")
    open_model_store(load_settings(model_store=store)).use(name, version)
