"""A PostgreSQL server of one's own, from the programs that are installed: made in a folder, started, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers import free_port

FOLDERS = "/usr/lib/postgresql"
"""Where Debian installs it, by version."""
USER = "postgres"
"""Runs the server where we are root, which it refuses to be."""
START_SECONDS = 30.0


def programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, None where they are not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent  # Debian links some of them alone
    versions = sorted(Path(FOLDERS).glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


class Postgres:
    """A server whose data lie in an empty folder. It listens on loopback alone and trusts whoever comes."""

    def __init__(self, folder: Path) -> None:
        found = programs()
        if found is None:
            raise FileNotFoundError("PostgreSQL is not installed")
        self._programs = found
        self._data = folder / "data"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        # As it comes where nobody has set a language: what holds there holds everywhere.
        plain = ("--encoding", "SQL_ASCII", "--locale", "C")
        self._run("initdb", "--pgdata", str(self._data), "--auth", "trust", "--username", "ocr", "--no-sync", *plain)

    @property
    def url(self) -> str:
        """What to connect to."""
        return f"postgresql://ocr@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = self._command("postgres", "-D", str(self._data), "-p", str(self._port), "-h", "127.0.0.1", "-k", "")
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        ready = self._command("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port))
        while subprocess.run(ready, check=False, stderr=subprocess.DEVNULL).returncode:
            if time.monotonic() > end:
                raise TimeoutError("PostgreSQL does not start")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, as a crash would; what was committed is there when it is started again."""
        if self._process is not None:
            pid = int((self._data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def _run(self, *command: str) -> None:
        subprocess.run(self._command(*command), check=True, stdout=subprocess.DEVNULL)

    def _command(self, name: str, *arguments: str) -> list[str]:
        command = [str(self._programs / name), *arguments]
        return ["runuser", "-u", USER, "--", *command] if os.geteuid() == 0 else command


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a new server while this lasts."""
    # Not below the folder of whoever asks: the server's user may not enter it.
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()
