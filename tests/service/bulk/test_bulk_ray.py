"""Actors of a Ray cluster that read; one that dies is started anew, and only the file that did it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bulk_fakes import KILLS, load_nothing, order_for
from service_fakes import encoded

from service.bulk.errors import BulkError, StoppedError
from service.bulk.items import Shard, list_items
from service.bulk.on_ray import read_on_ray
from service.bulk.reading import Task

HERE = [str(path) for path in (Path(__file__).parent, Path(__file__).parents[1])]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", ":".join(HERE))  # where actors find the fakes
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(12):
        (folder / f"{i:02}.png").write_bytes(encoded())
    return folder


def tasks(source: Path) -> list[Task]:
    return [Task(item) for item in list_items(str(source), Shard(), target="out")]


def test_without_ray_the_command_says_so(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BulkError, match="pip install"):
        next(read_on_ray(tasks(source), order_for("out"), address="local"))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
class TestWithRay:
    @pytest.fixture(autouse=True)
    def _ray(self) -> None:
        pytest.importorskip("ray")

    def test_a_file_over_which_its_process_dies_fails_and_all_others_are_read(
        self, source: Path, tmp_path: Path
    ) -> None:
        (source / "04.png").write_bytes(encoded(width=KILLS))
        pages: list[None] = []
        entries = read_on_ray(
            tasks(source),
            order_for(tmp_path / "out"),
            address="local",
            actors=2,
            on_page=lambda: pages.append(None),
        )
        found = [entry for entry in entries if entry]
        assert sorted(entry.name for entry in found) == [f"{i:02}.png" for i in range(12)]
        (failed,) = [entry for entry in found if entry.status == "failed"]
        assert (failed.name, failed.attempts, (failed.error or {})["code"]) == ("04.png", 3, "process_died")
        assert len(list((tmp_path / "out").glob("*.jsonl"))) == len(pages) == 11

    def test_a_model_that_cannot_be_loaded_ends_the_run(self, source: Path, tmp_path: Path) -> None:
        order = order_for(tmp_path / "out", load=load_nothing)
        with pytest.raises(StoppedError, match="no such model"):
            list(read_on_ray(tasks(source), order, address="local", actors=1))

    def test_a_destination_that_cannot_be_written_to_ends_the_run(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "out").write_bytes(b"a file")
        with pytest.raises(StoppedError, match="cannot be written to"):
            list(read_on_ray(tasks(source), order_for(tmp_path / "out"), address="local", actors=1))

    def test_no_cluster_is_a_usage_error(self, source: Path) -> None:
        with pytest.raises(BulkError, match="no Ray cluster"):
            next(read_on_ray(tasks(source), order_for("out"), address="auto"))
