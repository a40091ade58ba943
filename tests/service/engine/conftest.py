from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service_fakes import PATIENCE
from shelves import Shelf

from service.engine.batching.scheduler import Scheduler
from service.observe.metrics import Metrics


@pytest.fixture
def make_scheduler() -> Iterator[Callable[..., Scheduler]]:
    made = []

    def make(streams: int = 1, **options: Any) -> Scheduler:
        options = {"max_pixels": 10**9, "max_delay": 0.0, "metrics": Metrics(), **options}
        made.append(Scheduler(streams, **options))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.close(PATIENCE)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    shelf.publish("1")
    return shelf
