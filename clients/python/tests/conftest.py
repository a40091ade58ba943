from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no time pass between tries, and keep how long it would have been."""
    waited: list[float] = []

    async def later(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("ocr_client.synchronous.sleep", waited.append)
    monkeypatch.setattr("ocr_client.asynchronous.anyio.sleep", later)
    return waited
