"""Cells of row and seed: which are trained, from what, and what is printed of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation
from benchmarks.ablation import commit, inputs_digest, main, read_cells, recipe
from benchmarks.ablation_rows import DETECTOR, RECOGNIZER, TABLES
from benchmarks.ablation_tables import interval, items_of, metric_of, summary
from trainer.config import load_config

SMALL = ("--tables", "detector", "--seeds", "1", "--steps", "40")
SEARCH = [f"{row}-0-{rate}" for row in ("mv3", "lcnet") for rate in RECOGNIZER.rates]


@pytest.fixture
def run(tmp_path, monkeypatch, fake_trainer):
    """Run the benchmark; returns the names of the runs that it asked for, without their recipe."""
    monkeypatch.setattr(ablation, "commit", lambda: "c0ffee")
    folders = ["--data", str(tmp_path), "--work", str(tmp_path / "work"), "--results", str(tmp_path / "cells.jsonl")]

    def run(*options):
        fake_trainer.runs.clear()
        monkeypatch.setattr("sys.argv", ["ablation", *folders, *options])
        main()
        return [name.partition("-")[2] for name, _, _ in fake_trainer.runs]

    return run


def test_cells_are_trained_once_and_all_rows_of_a_seed_first(run, tmp_path):
    first = run(*SMALL)
    assert first == ["drawn-" + first[0].rpartition("-")[2], *[f"{row.name}-1" for row in DETECTOR.rows]]
    again = run("--tables", "detector", "--seeds", "1", "2", "--steps", "40")
    assert again == [f"{row.name}-2" for row in DETECTOR.rows]
    cells = read_cells(tmp_path / "cells.jsonl")
    assert [(cell["row"], cell["seed"]) for cell in cells] == [(r.name, s) for s in (1, 2) for r in DETECTOR.rows]


def test_a_cell_that_was_recorded_nowhere_is_judged_without_training(run, tmp_path):
    run(*SMALL)
    (tmp_path / "cells.jsonl").unlink()
    assert run(*SMALL) == []
    assert len(read_cells(tmp_path / "cells.jsonl")) == len(DETECTOR.rows)


def test_rows_take_their_multiple_of_the_steps(run, fake_trainer):
    run(*SMALL)
    steps = {name: next((o for o in overrides if "steps=" in o), "") for name, overrides, _ in fake_trainer.runs}
    found = {name.partition("-")[2]: text for name, text in steps.items()}
    assert (found["db-1"], found["db-time-1"]) == ("schedule.steps=40", "schedule.steps=68")


def test_all_rows_start_from_one_backbone(run, fake_trainer):
    run("--tables", "detector", "--seeds", "1", "2", "--steps", "40")
    drawn, *rows = fake_trainer.runs
    assert {tuple(starts) for _, _, starts in rows} == {("--init-backbone", next(starts[1] for _, _, starts in rows))}
    assert drawn[0] in rows[0][2][1]
    assert drawn[2] == []


def test_another_commit_or_override_starts_from_a_backbone_of_its_own(run, monkeypatch):
    found = [run(*SMALL)[0], run(*SMALL, "--set", "data.rotate=5")[0]]
    monkeypatch.setattr(ablation, "commit", lambda: "decaf")
    found.append(run(*SMALL)[0])
    assert all(name.startswith("drawn-") for name in found)
    assert len(set(found)) == 3


def test_a_backbone_that_was_judged_before_its_end_is_trained_on(run, tmp_path):
    drawn = run(*SMALL)[0]
    (folder,) = (tmp_path / "work").glob(f"*{drawn}")
    config = {"data": {"batch": 16}, "schedule": {"steps": 100}}
    (folder / "config.json").write_text(json.dumps(config))
    assert run("--tables", "detector", "--seeds", "2", "--steps", "40")[0] == drawn


def test_each_backbone_takes_the_best_of_its_rates(run, fake_trainer):
    fake_trainer.worth = lambda name: 0.9 if "mv3-0-5e-4" in name or "lcnet-0-2e-3" in name else 0.5
    runs = run("--tables", "recognizer", "--seeds", "1", "--steps", "40")
    found = [name for name in runs if not name.startswith("drawn")]
    assert found[: len(SEARCH)] == SEARCH
    assert found[len(SEARCH) :][:3] == ["mv3-1-5e-4", "lcnet-1-2e-3", "udml-1-2e-3"]
    rates = {name.partition("-")[2]: [o for o in overrides if ".lr=" in o] for name, overrides, _ in fake_trainer.runs}
    assert rates["udml-1-2e-3"] == ["optimizer.lr=2e-3"]


def test_recognizers_start_from_networks_of_their_own_kind_and_peers_are_no_twins(run, fake_trainer):
    run("--tables", "recognizer", "--seeds", "1", "--rows", "mv3", "lcnet", "udml")
    starts = {name.partition("-")[2]: given for name, _, given in fake_trainer.runs}
    overrides = {name: given for name, given, _ in fake_trainer.runs}
    mobile, lcnet, mutual = (starts[f"{row}-1-5e-4"] for row in ("mv3", "lcnet", "udml"))
    assert mutual[0::2] == ["--init", "--init-peer"]
    assert len({mobile[1], mutual[1], mutual[3]}) == 3
    assert lcnet == mutual[:2]
    drawn = {path: overrides[Path(path).parent.name] for path in (mobile[1], mutual[1], mutual[3])}
    assert list(drawn.values()) == [["net.backbone=mobilenet_v3_small"], [], ["seed=1000"]]


def test_rates_are_searched_in_a_third_of_the_steps(run, fake_trainer):
    run("--tables", "recognizer", "--seeds", "1", "--rows", "lcnet", "--steps", "60")
    steps = {name.partition("-")[2]: overrides for name, overrides, _ in fake_trainer.runs}
    assert "schedule.steps=20" in steps["lcnet-0-5e-4"]
    assert "schedule.steps=60" in steps["lcnet-1-5e-4"]


def test_a_row_without_its_search_is_refused(run):
    with pytest.raises(SystemExit, match="learning rate of lcnet is unknown"):
        run("--tables", "recognizer", "--seeds", "1", "--rows", "udml")


def test_a_rate_that_was_recorded_twice_is_no_search(run, tmp_path):
    run("--tables", "recognizer", "--seeds", "1", "--rows", "lcnet")
    cells = tmp_path / "cells.jsonl"
    first, second, *_ = [line for line in cells.read_text().splitlines() if json.loads(line)["seed"] == 0]
    cells.write_text("\n".join([first, first, second]) + "\n")
    with pytest.raises(SystemExit, match="learning rate of lcnet is unknown"):
        run("--tables", "recognizer", "--seeds", "1", "--rows", "udml")


def test_lines_without_a_cell_are_left_out_and_named(run, tmp_path, capsys):
    run(*SMALL)
    cells = tmp_path / "cells.jsonl"
    whole = cells.read_text().splitlines()
    cells.write_text("\n".join([whole[0], "", whole[1][:40] + whole[1], "7", *whole[2:-1], whole[-1][:40]]))
    capsys.readouterr()
    assert run("--show") == []
    shown = capsys.readouterr()
    assert "DB + CML" in shown.out
    assert [line.partition(" ")[0] for line in shown.err.splitlines()] == [
        f"{cells}:{number}" for number in (3, 4, len(whole) + 2)
    ]
    run(*SMALL)
    found = [(cell["row"], cell["seed"]) for cell in read_cells(cells)]
    assert sorted(found) == sorted((row.name, 1) for row in DETECTOR.rows)


def test_enhanced_ctc_continues_the_state_that_its_centers_are_of(run, fake_trainer):
    fake_trainer.share = 0.8
    run("--tables", "recognizer", "--seeds", "7", "--steps", "40")
    by_name = {name.partition("-")[2]: (overrides, starts) for name, overrides, starts in fake_trainer.runs}
    folder = "udml-7-5e-4"
    (command,) = fake_trainer.commands
    assert command[0] == "centers"
    assert f"{folder}/state.safetensors" in command[command.index("--state") + 1]
    for name in ("on", "enhanced", "enhanced-light"):
        overrides, starts = by_name[f"{name}-7-5e-4"]
        assert starts[0::2] == ["--init", "--init-peer"]
        assert f"{folder}/state.safetensors" in starts[1]
        assert f"{folder}/peer.safetensors" in starts[3]
        assert "schedule.steps=10" in overrides
        assert (f"method.centers={command[command.index('--out') + 1]}" in overrides) is (name != "on")
    # Of 0.05 x = 4 (a share of 0.8 beside 1) is to become 0.075 of the whole.
    weight = next(o for o in by_name["enhanced-light-7-5e-4"][0] if "center_weight" in o)
    assert float(weight.partition("=")[2]) == pytest.approx(0.05 * (0.075 / 0.925) / 4, rel=0.01)


def test_a_row_alone_trains_what_it_continues_first(run):
    runs = run("--tables", "recognizer", "--seeds", "7", "--rows", "lcnet", "enhanced-light", "--steps", "40")
    found = [name for name in runs if "-7-" in name]
    assert found == [f"{row}-7-5e-4" for row in ("lcnet", "udml", "enhanced", "enhanced-light")]


def test_a_teacher_that_is_no_better_than_the_student_alone_is_refused(run, fake_trainer, tmp_path):
    fake_trainer.teacher = 0.5
    with pytest.raises(SystemExit, match="no better"):
        run(*SMALL)
    assert "cml" not in {cell["row"] for cell in read_cells(tmp_path / "cells.jsonl")}
    fake_trainer.teacher = 0.6
    shutil.rmtree(tmp_path / "work")
    run(*SMALL)
    assert {cell["row"] for cell in read_cells(tmp_path / "cells.jsonl")} == {row.name for row in DETECTOR.rows}


def test_what_was_found_is_shown_without_training(run, capsys):
    run(*SMALL)
    capsys.readouterr()
    assert run("--show") == []
    shown = capsys.readouterr().out
    assert "DB + CML" in shown
    assert "Hmean of the teacher's maps on the same pages: 0.900" in shown


def test_the_recipe_covers_what_cells_share():
    first = recipe(DETECTOR, [], 10, "teacher", "commit")
    assert first == recipe(DETECTOR, [], 10, "teacher", "commit")
    others = (
        recipe(DETECTOR, [], 11, "teacher", "commit"),
        recipe(DETECTOR, ["a=1"], 10, "teacher", "commit"),
        recipe(RECOGNIZER, [], 10, "teacher", "commit"),
        recipe(DETECTOR, [], 10, "other", "commit"),
        recipe(DETECTOR, [], 10, "teacher", "other"),
        recipe(replace(DETECTOR, pretrain=None), [], 10, "teacher", "commit"),
    )
    assert len({first, *others}) == 7


@pytest.mark.parametrize("folder", [*DETECTOR.maps, "receipts-sroie", "receipts-sroie-more"])
def test_another_map_or_label_is_another_recipe(tmp_path, folder):
    path = tmp_path / folder / "images" / "1.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"before")
    before = inputs_digest(DETECTOR, tmp_path)
    assert before == inputs_digest(DETECTOR, tmp_path)
    path.write_bytes(b"after")
    assert inputs_digest(DETECTOR, tmp_path) != before


def test_another_version_of_what_draws_and_trains_is_another_recipe(tmp_path, monkeypatch):
    before = inputs_digest(DETECTOR, tmp_path)
    monkeypatch.setattr(ablation.metadata, "version", lambda name: f"{name} of tomorrow")
    assert inputs_digest(DETECTOR, tmp_path) != before


def test_a_tree_with_changes_trains_no_cell(tmp_path, monkeypatch):
    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    monkeypatch.setattr(ablation, "ROOT", tmp_path)
    results = tmp_path / "benchmarks" / "results" / "ablation.jsonl"
    results.parent.mkdir(parents=True)
    for path in (results, tmp_path / "code.py"):
        path.write_text("before\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    results.write_text("a cell\n")
    assert commit() == git("rev-parse", "HEAD")
    (tmp_path / "code.py").write_text("after\n")
    with pytest.raises(SystemExit, match=r"commit first[\s\S]*code.py"):
        commit()


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_row_is_a_configuration_of_the_trainer(table):
    configs = {}
    for row in table.rows:
        changes = [change.format(centers="c", weight=0.001) for change in row.changes]
        configs[row.name] = load_config(table.config, [f"seed={1 + bool(row.after)}", *changes])
        assert not row.over or table.row(row.over)
        assert not row.after or table.row(row.after)
    longer = {row.name for row in table.rows if row.effort > 1}
    kept = [config.recipe_sha256 for name, config in configs.items() if name not in longer]
    assert len(set(kept)) == len(kept)
    titles = {name for _, sets in table.parts for name in sets}
    sources = next(iter(configs.values())).data.validate_on
    assert titles == {getattr(source, "path", source.kind) for source in sources}


def cell(row, seed, items):
    return {
        "row": row,
        "seed": seed,
        "cpu_seconds": 60.0,
        "items": {"receipts-sroie": items, "receipts-sroie-more": []},
    }


def test_gains_are_paired_by_seed():
    # Pages as (matched, labels, found): seed 1 gains 0.1, seed 2 0.2; seed 3 has no other half.
    values = {"db": {1: 5, 2: 4}, "dml": {1: 6, 2: 6, 3: 9}}
    cells = [cell(row, seed, [[m, 10, 10]] * 4) for row, found in values.items() for seed, m in found.items()]
    first, second, third, *_ = summary(DETECTOR, cells, DETECTOR.parts[0][1])
    assert first[:2] == ["DB", 2]
    assert first[2] == pytest.approx(0.45)
    assert first[4:7] == [None, None, None]
    assert second[2] == pytest.approx(0.7)
    assert second[4] == pytest.approx(0.15)
    # Two seeds that differ so tell nothing: their standard error is 0.05, and t of one degree is 12.706.
    assert second[5] == "-0.485 to +0.785"
    assert second[6:] == [pytest.approx(0.018), 60]
    assert third[:4] == ["DB + CML", 0, None, None]


def test_rows_that_have_left_the_table_are_not_shown():
    items = [[5, 10, 10]] * 4
    found = summary(DETECTOR, [cell("gone", 1, items), cell("db", 1, items)], DETECTOR.parts[0][1])
    assert [line[1] for line in found] == [1, *[0] * (len(DETECTOR.rows) - 1)]


def test_metrics_are_those_of_summed_items():
    assert metric_of(np.array([3.0, 4.0])) == 0.75
    assert metric_of(np.array([3.0, 4.0, 8.0])) == pytest.approx(0.5)
    lines = {"items": {"a": [[1], [0]], "b": [[1]]}}
    assert items_of(lines, ("a", "b")).tolist() == [[1, 1], [0, 1], [1, 1]]


def test_an_interval_covers_what_items_and_seeds_vary_by():
    rng = np.random.default_rng(1)

    def lines(share, count):
        return np.column_stack([rng.random(count) < share, np.ones(count)]).astype(float)

    def between(ours, theirs, count, seeds=4):
        return interval([lines(ours, count) for _ in range(seeds)], [lines(theirs, count) for _ in range(seeds)])

    low, high = between(0.6, 0.5, 4000)
    assert 0.05 < low < 0.1 < high < 0.15
    low, high = between(0.5, 0.5, 4000)
    assert low < 0 < high
    wide = np.subtract(*between(0.5, 0.5, 100)[::-1])
    assert wide > 3 * (high - low)
    # Seeds that differ much tell little, however many lines there are.
    theirs = [lines(0.5, 4000) for _ in range(4)]
    low, high = interval([lines(share, 4000) for share in (0.4, 0.8, 0.4, 0.8)], theirs)
    assert high - low > 0.2


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_of_few_seeds_hold_the_truth(seeds):
    rng = np.random.default_rng(3)

    def rows(share, hard):
        shares = share + rng.normal(0, 0.02, (seeds, 1))
        return [np.column_stack([row, np.ones(row.size)]) for row in (hard < shares).astype(float)]

    def holds():
        hard = rng.random(120)
        low, high = interval(rows(0.55, hard), rows(0.5, hard))
        return low <= 0.05 <= high

    assert np.mean([holds() for _ in range(80)]) > 0.85


def test_one_seed_tells_of_samples_alone():
    pair = [np.array([[right, 1.0] for right in row]) for row in ([1, 1, 1, 0], [1, 0, 1, 0])]
    low, high = interval(pair[:1], pair[1:])
    assert low < 0.25 < high
    assert high - low < 1


def test_pairing_takes_out_what_both_rows_find_hard():
    rng = np.random.default_rng(2)
    hard = (rng.random(2000) < 0.5).astype(float)
    better = np.maximum(hard, rng.random(2000) < 0.05)
    pair = [[np.column_stack([row, np.ones(2000)])] * 3 for row in (better, hard)]
    low, high = interval(*pair)
    assert 0 < low < high < 0.05


def test_a_run_that_was_killed_repeats_steps_in_its_log(tmp_path, fake_trainer):
    from benchmarks.runs import Run

    run = Run(tmp_path / "run")
    run.train(DETECTOR.config, ["schedule.steps=2"])
    log = run.folder / "log.jsonl"
    again = {"event": "train", "step": 2, "images_per_second": 4.0, "cpu_seconds": 7.0}
    log.write_text(log.read_text() + json.dumps(again) + "\n")
    assert [row["images_per_second"] for row in run.rows("train")] == [32.0, 4.0]
    assert run.step_seconds() == pytest.approx(0.5 + 4.0)
    assert run.cpu_seconds() == pytest.approx(1.5 + 7.0)
    # After an interruption the row at step 2 tells of the second half of what it took.
    log.write_text(log.read_text() + json.dumps(again | {"step": 4, "steps": 1, "cpu_seconds": 3.0}) + "\n")
    assert run.cpu_seconds() == pytest.approx(1.5 + 7.0 + 6.0)
    log.write_text("\n".join(log.read_text().splitlines()[:-1]) + "\n")
    assert run.figures() == dict.fromkeys(("hmean", "precision", "recall"), 0.5)
