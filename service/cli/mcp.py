"""`ocr mcp`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.common import BackendOption, ModelOption, StoreOption, ThreadsOption, fail, opened_engine


def mcp(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders whose files may be read. Without one, only bytes are read.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    *,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Offer reading as tools to agents: an MCP server on standard input and output."""
    try:
        from service.agents.server import new_server
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "mcp":
            raise
        fail("the SDK of MCP is missing: pip install 'ocr-service[cpu,service,mcp]'")
    from service.agents.folders import Folders
    from service.agents.reading import FileReader
    from service.observe.logs import configure_logging
    from service.settings import load_settings

    settings = load_settings(model=model, model_store=store, backend=backend, threads=threads)
    configure_logging("warning", "console")
    allowed = Folders(folders, settings.payload_limit) if folders else None
    with opened_engine(settings) as engine:
        server = new_server(
            FileReader(engine, settings),
            allowed,
            limit=settings.payload_limit,
            streams=engine.backend.policy.streams,
        )
        server.run("stdio")
