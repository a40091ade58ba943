from __future__ import annotations

import logging

import pytest

from service.http import descriptors
from service.http.descriptors import BACKLOG, SPARE_FILES, room_for

resource = pytest.importorskip("resource")


@pytest.mark.parametrize(
    ("soft", "hard", "connections"),
    [(64, 64, 800), (256, 256, 800), (1024, 1024, 800), (1024, 1_000_000, 800), (64, 64, 4)],
)
def test_connections_fit_into_the_files_of_a_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, soft: int, hard: int, connections: int
) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: limits.append(both))
    caplog.set_level(logging.WARNING, descriptors.__name__)
    room = room_for(connections)
    files = limits[-1][0]
    assert files <= hard
    assert 1 <= room.connections <= connections
    # Those let settle, and twice as many again that the loop has taken before it closes one.
    assert room.connections + 3 * room.backlog <= files - min(SPARE_FILES, files // 2) or room == (connections, BACKLOG)
    assert ("OCR_MAX_CONNECTIONS" in caplog.text) == (room.connections < connections)


def test_a_limit_that_may_be_raised_is() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        room = room_for(10)
        assert room.connections == 10
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(before[1], 10 + SPARE_FILES + BACKLOG) or (
            before[1] == resource.RLIM_INFINITY
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
