"""`ocr serve`."""

from __future__ import annotations

import errno
import logging
import signal
from typing import TYPE_CHECKING

import typer

from service.cli.common import BackendOption, HostOption, ModelOption, PortOption, StoreOption, ThreadsOption, fail

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from service.settings import Settings

log = logging.getLogger(__name__)


def serve(
    *,
    host: HostOption = None,
    port: PortOption = None,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Serve HTTP in one process until it is told to stop.

    Ends with 0 when SIGTERM told it to, also while it loads, and with 1 if it could not be started.
    """
    from prometheus_client import disable_created_metrics

    from service.app import create_app
    from service.http.server import DrainingServer
    from service.observe.logs import configure_logging
    from service.settings import load_settings

    settings = load_settings(host=host, port=port, model=model, model_store=store, backend=backend, threads=threads)
    configure_logging(settings.log_level, settings.log_format)
    disable_created_metrics()  # type: ignore[no-untyped-call]
    failed = False

    def stop(_: Exception) -> None:
        nonlocal failed
        failed = server.should_exit = True

    app = create_app(settings, on_failure=stop)
    serving = app.state.context.serving

    def tell(url: str) -> None:
        serving.url = url
        log.info("listening; requests get 503 until the model is ready", extra={"url": url})

    _require_free(settings.host, settings.port)
    server = DrainingServer(_config(app, settings), serving.drain, tell)
    # Until uvicorn listens itself, and afterwards: it raises the signal that stopped it again, which is no failure.
    signal.signal(signal.SIGTERM, server.handle_exit)
    server.run()
    if failed or not server.started:  # the log says why
        raise typer.Exit(1)


def _config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    import uvicorn

    from service.http.descriptors import room_for
    from service.http.protocol import protocol_within
    from service.http.server import ANSWER_SECONDS

    room = room_for(settings.max_connections)
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol_within(room.connections, overshoot=room.backlog),
        backlog=room.backlog,
        ws="none",
        log_config=None,
        # It says that all is running, at `info`, while the model is being loaded.
        log_level={"info": "warning"}.get(settings.log_level, settings.log_level),
        access_log=False,
        server_header=False,
        proxy_headers=False,  # which would believe whoever asks from this machine; OCR_TRUSTED_PROXIES says whom to
        timeout_graceful_shutdown=ANSWER_SECONDS,
    )


def _require_free(host: str, port: int) -> None:
    """Find out ahead of loading a model whether somebody listens there; what else is wrong, uvicorn says."""
    from service.cli.doctor.place import try_port

    try:
        try_port(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fail(f"port {port} of {host} is taken: choose another one by --port, or see `ocr doctor`")
    except UnicodeError:
        pass
