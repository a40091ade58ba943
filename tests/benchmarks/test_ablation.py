"""Cells of row and seed: which are trained, from what, and what is printed of them."""

from __future__ import annotations

import json
import math

import pytest

from benchmarks.ablation import main, read_cells, recipe, spread, summary
from benchmarks.ablation_rows import DETECTOR, RECOGNIZER, TABLES, TEACHER
from trainer.config import load_config


@pytest.fixture
def run(tmp_path, monkeypatch, fake_trainer):
    """Run the benchmark; returns the names of the runs that it asked for, without their recipe."""

    def run(*options):
        fake_trainer.runs.clear()
        folders = [
            "--data",
            str(tmp_path),
            "--work",
            str(tmp_path / "work"),
            "--results",
            str(tmp_path / "cells.jsonl"),
        ]
        monkeypatch.setattr("sys.argv", ["ablation", *folders, *options])
        main()
        return [name.partition("-")[2] or name for name, _ in fake_trainer.runs]

    return run


def test_cells_are_trained_once_and_appended_as_they_finish(run, tmp_path):
    first = run("--tables", "recognizer", "--seeds", "1", "--steps", "4")
    assert first == ["mv3-1", "lcnet-1", "udml-1", "lcnet-1", "udml-enhanced-1"]
    run("--tables", "recognizer", "--seeds", "1", "2", "--steps", "4")
    cells = read_cells(tmp_path / "cells.jsonl")
    assert [(cell["row"], cell["seed"]) for cell in cells] == [(r.name, s) for s in (1, 2) for r in RECOGNIZER.rows]
    assert {(cell["table"], cell["steps"], cell["batch"], cell["step_seconds"]) for cell in cells} == {(3, 4, 16, 2.0)}
    assert run("--tables", "recognizer", "--seeds", "1", "2", "--steps", "4") == []


def test_another_recipe_is_trained_anew(run):
    run("--tables", "recognizer", "--seeds", "1", "--steps", "4")
    assert run("--tables", "recognizer", "--seeds", "1", "--steps", "5")
    assert run("--tables", "recognizer", "--seeds", "1", "--steps", "4", "--set", "optimizer.lr=1e-3")


def test_centers_come_from_the_plain_recognizer_of_the_same_seed(run, fake_trainer):
    run("--tables", "recognizer", "--seeds", "7", "--steps", "4")
    (command,) = fake_trainer.commands
    assert command[0] == "centers"
    assert command[command.index("--state") + 1].endswith("lcnet-7/state.safetensors")
    _, overrides = fake_trainer.runs[-1]
    assert f"method.centers={command[command.index('--out') + 1]}" in overrides
    assert "seed=7" in overrides


def test_one_teacher_guides_all_seeds(run, fake_trainer):
    found = run("--tables", "detector", "--seeds", "1", "2", "--steps", "4")
    assert found.count("teacher") == 1
    teachers = {text for _, overrides in fake_trainer.runs for text in overrides if text.startswith("method.teacher=")}
    assert [text.endswith("-teacher/state.safetensors") for text in teachers] == [True]


def test_another_teacher_is_another_recipe(run, fake_trainer):
    run("--tables", "detector", "--seeds", "1", "--steps", "4", "--teacher-steps", "6")
    assert "schedule.steps=6" in next(overrides for name, overrides in fake_trainer.runs if name.endswith("teacher"))
    assert "teacher" in run("--tables", "detector", "--seeds", "1", "--steps", "4", "--teacher-steps", "7")


def test_a_teacher_may_be_given(run, tmp_path, fake_trainer):
    state = tmp_path / "mine.safetensors"
    assert "teacher" not in run("--tables", "detector", "--seeds", "1", "--steps", "4", "--teacher", str(state))
    assert f"method.teacher={state}" in fake_trainer.runs[-1][1]


def test_the_slowest_row_decides_the_steps(run, tmp_path, fake_trainer):
    fake_trainer.speed = 8.0  # images of batches of 16: a step takes two seconds
    run("--tables", "recognizer", "--seeds", "1", "--minutes", "1")
    assert "method.distill=udml" in fake_trainer.runs[0][1]
    assert {cell["steps"] for cell in read_cells(tmp_path / "cells.jsonl")} == {30}
    fake_trainer.speed = 16.0
    assert run("--tables", "recognizer", "--seeds", "1", "--minutes", "1") == []


def test_what_was_found_is_shown_without_training(run, capsys):
    run("--tables", "recognizer", "--seeds", "1", "--steps", "4")
    capsys.readouterr()
    assert run("--show") == []
    assert "LCNet + U-DML" in capsys.readouterr().out


def test_gains_are_paired_by_seed():
    values = {"db": {1: 0.5, 2: 0.7}, "dml": {1: 0.6, 2: 0.9, 3: 0.1}}
    cells = [
        {"row": row, "seed": seed, "figures": {"hmean": value, "precision": 0.5, "recall": 1.0}}
        for row, found in values.items()
        for seed, value in found.items()
    ]
    first, second, third, _ = summary(DETECTOR, cells)
    assert first[:4] == ["DB", 2, pytest.approx(0.6), pytest.approx(math.sqrt(0.02))]
    assert second[:4] == ["+ DML", 3, pytest.approx(1.6 / 3), pytest.approx(math.sqrt(0.49 / 3))]
    assert second[4:6] == [pytest.approx(0.15), pytest.approx(math.sqrt(0.005))]
    assert second[6:] == [0.5, 1.0, 0.777, pytest.approx(0.018)]
    assert third[:6] == ["+ CML", 0, None, None, None, None]


def test_one_value_has_no_spread():
    assert spread([0.3]) == (0.3, None)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_row_is_a_configuration_of_the_trainer(table):
    configs = {}
    for row in (*table.rows, *([TEACHER] if table is DETECTOR else [])):
        changes = [change.format(teacher="t", centers="c") for change in row.changes]
        configs[row.name] = load_config(table.config, ["seed=1", "schedule.steps=9", *changes])
    assert len({config.recipe_sha256 for config in configs.values()}) == len(configs)
    assert table.slowest in configs


def test_the_recipe_covers_what_cells_share():
    first = recipe(DETECTOR, [], 10)
    assert first == recipe(DETECTOR, [], 10)
    assert len({first, recipe(DETECTOR, [], 11), recipe(DETECTOR, ["a=1"], 10), recipe(RECOGNIZER, [], 10)}) == 4


def test_a_run_that_was_killed_repeats_steps_in_its_log(tmp_path, fake_trainer):
    from benchmarks.runs import Run

    run = Run(tmp_path / "run")
    run.train(DETECTOR.config, ["schedule.steps=2"])
    log = run.folder / "log.jsonl"
    again = {"event": "train", "step": 2, "images_per_second": 4.0}
    log.write_text(log.read_text() + json.dumps(again) + "\n")
    assert [row["images_per_second"] for row in run.rows("train")] == [32.0, 4.0]
    assert run.step_seconds() == pytest.approx(0.5 + 4.0)
    assert run.figures() == dict.fromkeys(("acc", "similarity", "hmean", "precision", "recall"), 0.5)
