"""Processes that read: those that die or hang are replaced, and only the file that did it fails."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from bulk_fakes import HANGS, KILLS, die, load_nothing, order_for
from service_fakes import encoded

from ocr_core.errors import BackendError
from service.bulk import processes
from service.bulk.errors import StoppedError
from service.bulk.items import Shard, list_items
from service.bulk.manifest import Entry
from service.bulk.processes import parted, read_in_processes
from service.bulk.reading import Order, Task


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(12):
        (folder / f"{i:02}.png").write_bytes(encoded())
    return folder


def tasks(source: Path) -> list[Task]:
    return [Task(item) for item in list_items(str(source), Shard(), target="out")]


def read(source: Path, order: Order, **options: object) -> dict[str, Entry]:
    found = [entry for entry in read_in_processes(tasks(source), order, **options) if entry]  # type: ignore[arg-type]
    assert len({entry.name for entry in found}) == len(found)
    return {entry.name: entry for entry in found}


@pytest.mark.slow
def test_a_file_over_which_its_process_dies_fails_and_all_others_are_read(source: Path, tmp_path: Path) -> None:
    (source / "04.png").write_bytes(encoded(width=KILLS))
    pages: list[None] = []
    found = read(source, order_for(tmp_path / "out"), processes=2, on_page=lambda: pages.append(None))
    assert len(found) == 12
    failed = {name: entry for name, entry in found.items() if entry.status == "failed"}
    assert list(failed) == ["04.png"]
    assert failed["04.png"].error == {
        "code": "process_died",
        "detail": "the process that read it ended, 3 times",
    }
    assert failed["04.png"].attempts == 3
    assert len(list((tmp_path / "out").glob("*.jsonl"))) == 11
    assert len(pages) >= 11


@pytest.mark.slow
def test_processes_leave_it_to_whoever_began_them_to_end(source: Path, tmp_path: Path) -> None:
    """A terminal and systemd tell them all."""
    found: list[Entry] = []
    for entry in filter(None, read_in_processes(tasks(source), order_for(tmp_path / "out"), processes=1)):
        found.append(entry)
        for process in multiprocessing.active_children():
            os.kill(process.pid or 0, signal.SIGTERM)
    assert {(entry.status, entry.attempts) for entry in found} == {("done", 1)}
    assert len(found) == 12


@pytest.mark.slow
def test_a_file_over_which_its_process_hangs_fails(source: Path, tmp_path: Path) -> None:
    for path in sorted(source.iterdir())[2:]:
        path.unlink()
    (source / "00.png").write_bytes(encoded(width=HANGS))
    found = read(source, order_for(tmp_path / "out"), processes=1, patience=1)
    assert (found["00.png"].error or {})["code"] == "process_hung"
    assert found["01.png"].status == "done"


def test_few_files_are_shared_by_all_processes(source: Path, tmp_path: Path) -> None:
    """Each of two would hold all four, were it given as many as it takes."""
    pool = processes._Pool(iter(tasks(source)[:4]), order_for(tmp_path / "out"), 2, 300.0, lambda: None)
    try:
        held = []
        for worker in pool._workers:
            worker.streams = 1
            pool._hand_out()
            held.append([len(worker.tries) for worker in pool._workers])
        assert held == [[1, 0], [2, 2]]
    finally:
        pool.kill()


def test_time_in_which_nothing_ran_is_nobodys_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = processes._RunningClock()
    for step in (1.0, 3600.0, 0.5):  # a laptop was closed meanwhile
        now[0] += step
        clock.tick()
    assert clock.now == 1.0 + 2 * processes.TICK + 0.5


def test_a_model_that_cannot_be_loaded_ends_the_run(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no such model"):
        read(source, order_for(tmp_path / "out", load=load_nothing), processes=1)


@pytest.mark.slow
def test_processes_that_die_before_they_are_loaded_end_the_run(source: Path, tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match=r"exit code -9"):
        read(source, order_for(tmp_path / "out", load=die), processes=1)


def test_a_destination_that_cannot_be_written_to_ends_the_run(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(StoppedError, match="cannot be written to"):
        read(source, order_for(tmp_path / "out"), processes=1)


def test_whoever_stops_listening_ends_the_processes(source: Path, tmp_path: Path) -> None:
    (source / "11.png").write_bytes(encoded(width=HANGS))
    entries = read_in_processes(tasks(source), order_for(tmp_path / "out"), processes=1)
    while next(entries) is None:
        pass
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    workers = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert workers
    entries.close()
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(("auto", 4), (4, 1)), (("auto", 4, 2), (2, 2)), (("auto", 2, 3), (3, 1)), (("cuda", 4), (1, 4))],
)
def test_cores_are_shared(asked: tuple[str, int], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "memory_limit", lambda: None)
    assert parted(*asked) == expected


def test_where_memory_is_short_fewer_processes_have_more_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "memory_limit", lambda: 2 * processes.MEMORY + 1)
    assert parted("auto", 8) == (2, 4)
    assert parted("auto", 8, 8) == (8, 1)
    monkeypatch.setattr(processes, "memory_limit", lambda: processes.MEMORY - 1)
    assert parted("auto", 8) == (1, 8)


def test_ctrl_c_is_for_whoever_started_them(source: Path, tmp_path: Path) -> None:
    entries = read_in_processes(tasks(source), order_for(tmp_path / "out"), processes=1)
    found = []
    for entry in entries:
        if entry and not found:
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            for pid in children:
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGINT)
        found += [entry] if entry else []
    assert len(found) == 12
