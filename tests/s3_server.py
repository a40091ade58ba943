"""An S3 of moto, for the tests that read from and write to one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
import pytest
from moto.server import ThreadedMotoServer


@contextmanager
def s3_served() -> Iterator[fsspec.AbstractFileSystem]:
    """Give an empty S3, which the environment names; file systems that know that of another test are forgotten."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    forget = fsspec.get_filesystem_class("s3").clear_instance_cache
    forget()
    with pytest.MonkeyPatch.context() as env:
        env.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        env.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            env.setenv(name, "testing")
        yield fsspec.filesystem("s3")
    forget()
    server.stop()
