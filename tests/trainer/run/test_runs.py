"""Runs: what they leave behind, and that one killed at any moment ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from trainer.centers import write_centers
from trainer.checkpoint import read_tensors, write_tensors
from trainer.config import parse_config
from trainer.data.db_targets import db_targets
from trainer.data.page_sources import map_path
from trainer.errors import EX_CONFIG, EX_TEMPFAIL, ConfigError, Interrupted, OccupiedError
from trainer.losses.center import Centers
from trainer.run.loop import Loop
from trainer.run.sole import sole
from trainer.run.train import Start, train

CHECKPOINT = "checkpoint.safetensors"
REPOSITORY = Path(__file__).parents[3]


def rows(folder: Path, event: str) -> list[dict]:
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def assert_same_end(first: Path, second: Path) -> None:
    (ours, meta), (theirs, other) = (read_tensors(folder / CHECKPOINT) for folder in (first, second))
    assert meta == other
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Stop the next run as SIGTERM does, when a step is reached."""
    original = Loop.train_step

    def train_step(loop, batches):
        original(loop, batches)
        if loop.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Loop, "train_step", train_step)


@pytest.mark.parametrize("kind", ["recognizer", "detector", "classifier"])
def test_a_run_leaves_checkpoint_states_log_and_configuration(kind, request, data, tmp_path):
    config = parse_config(request.getfixturevalue(f"{kind}_table"))
    train(config, tmp_path, data)
    assert {path.name for path in tmp_path.iterdir()} >= {
        CHECKPOINT,
        "state.safetensors",
        "best.safetensors",
        "log.jsonl",
        "config.json",
        "report.md",
        "curves.png",
        "worst.png",
    }
    assert any((tmp_path / "tensorboard").glob("events.*"))
    steps = config.schedule.steps
    assert rows(tmp_path, "train")[-1]["step"] == steps
    assert rows(tmp_path, "validation")[-1]["step"] == steps
    assert read_tensors(tmp_path / CHECKPOINT)[1]["step"] == steps
    meta = read_tensors(tmp_path / "state.safetensors")[1]
    assert parse_config(meta["config"]) == config
    assert meta["figures"] == pytest.approx(
        {k: v for k, v in rows(tmp_path, "validation")[-1].items() if k in meta["figures"]}, rel=1e-4
    )


@pytest.mark.parametrize(
    "method", [{}, {"distill": "udml"}, {"framewise": 1.0, "framewise_until": 0.5}], ids=["plain", "udml", "framewise"]
)
def test_a_run_stopped_by_sigterm_ends_with_the_same_weights(recognizer_table, data, tmp_path, monkeypatch, method):
    config = parse_config(recognizer_table | {"method": method})
    train(config, tmp_path / "whole", data)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(Interrupted, match="step 3 of 4"):
            train(config, tmp_path / "stopped", data)
    train(config, tmp_path / "stopped", data)
    assert_same_end(tmp_path / "whole", tmp_path / "stopped")


def test_a_detector_stopped_by_sigterm_ends_with_the_same_weights(detector_table, data, tmp_path, monkeypatch):
    config = parse_config(detector_table | {"method": {"distill": "dml"}})
    train(config, tmp_path / "whole", data)
    with monkeypatch.context() as patch:
        stop_at(patch, 1)
        with pytest.raises(Interrupted):
            train(config, tmp_path / "stopped", data)
    train(config, tmp_path / "stopped", data)
    assert_same_end(tmp_path / "whole", tmp_path / "stopped")


def test_the_number_of_workers_does_not_matter(recognizer_table, data, tmp_path):
    for workers in (0, 2):
        recognizer_table["compute"]["workers"] = workers
        train(parse_config(recognizer_table), tmp_path / str(workers), data)
    assert_same_end(tmp_path / "0", tmp_path / "2")


def test_another_recipe_does_not_resume(recognizer_table, data, tmp_path):
    train(parse_config(recognizer_table), tmp_path, data)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(ConfigError, match="another configuration"):
        train(parse_config(recognizer_table | {"seed": 1}), tmp_path, data)
    assert (tmp_path / "config.json").read_text() == before


def test_two_processes_do_not_train_in_one_folder(recognizer_table, data, tmp_path):
    config = parse_config(recognizer_table)
    with sole(tmp_path), pytest.raises(OccupiedError, match="another process trains in"):
        train(config, tmp_path, data)
    assert not (tmp_path / CHECKPOINT).exists()
    train(config, tmp_path, data)
    assert OccupiedError.exit_code == EX_TEMPFAIL


def test_another_place_of_work_resumes(recognizer_table, data, tmp_path):
    train(parse_config(recognizer_table), tmp_path, data)
    recognizer_table["compute"]["log_every"] = 1
    train(parse_config(recognizer_table), tmp_path, data)
    assert len(rows(tmp_path, "validation")) == 1


def test_init_starts_from_a_state(recognizer_table, data, tmp_path):
    config = parse_config(recognizer_table)
    train(config, tmp_path / "first", data)
    recognizer_table["optimizer"] = {"lr": 1e-12, "ema": 0.0, "weight_decay": 0.0}
    state = tmp_path / "first" / "state.safetensors"
    train(parse_config(recognizer_table), tmp_path / "second", data, Start(state))
    first, second = (read_tensors(tmp_path / run / "state.safetensors")[0] for run in ("first", "second"))
    assert torch.equal(first["head.classify.weight"], second["head.classify.weight"])


def test_init_of_another_network_is_refused(recognizer_table, detector_table, data, tmp_path):
    train(parse_config(detector_table), tmp_path / "detector", data)
    with pytest.raises(ConfigError, match="does not fit"):
        train(parse_config(recognizer_table), tmp_path / "x", data, Start(tmp_path / "detector" / "state.safetensors"))


def command(table_file: Path, run: Path, data: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "trainer", "train", str(table_file), "--out", str(run), "--data", str(data), *more]


@pytest.fixture
def toml(recognizer_table, tmp_path) -> Path:
    """The recognizer's run as a file."""
    path = tmp_path / "run.toml"
    source = 'kind = "labels"\npath = "lines"\nrows = "all"\n'
    path.write_text(
        'task = "recognizer"\nname = "tiny"\ncharacters = "0123456789"\n'
        '[net]\nbackbone = "lcnet_fast"\nneck = "mixer"\nhidden = 16\ngrey = true\n'
        "[schedule]\nsteps = 40\n"
        '[compute]\ndevice = "cpu"\nthreads = 1\nworkers = 1\nlog_every = 1\nvalidate_every = 100\nsave_every = 3\n'
        "[data]\nbatch = 4\ngroup = 2\nwidths = [48, 96]\n"
        f"[[data.train]]\n{source}[[data.validate_on]]\n{source}limit = 4\n"
    )
    return path


@pytest.mark.slow
def test_a_run_killed_with_9_ends_with_the_same_weights(toml, data, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run(command(toml, tmp_path / "whole", data), check=True, env=environment, capture_output=True)
    with subprocess.Popen(
        command(toml, tmp_path / "killed", data), env=environment, stdout=subprocess.PIPE, text=True
    ) as run:
        for line in run.stdout:
            if json.loads(line)["step"] == 17:
                break
        run.kill()
    assert 0 < read_tensors(tmp_path / "killed" / CHECKPOINT)[1]["step"] < 40
    subprocess.run(command(toml, tmp_path / "killed", data), check=True, env=environment, capture_output=True)
    assert_same_end(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
def test_sigterm_exits_with_a_code_to_start_again(toml, data, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command(toml, tmp_path / "run", data),
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        next(run.stdout)
        os.killpg(run.pid, signal.SIGTERM)  # the workers too, as a container's end does
        run.communicate()
    assert run.returncode == EX_TEMPFAIL
    assert (tmp_path / "run" / CHECKPOINT).exists()


@pytest.mark.slow
def test_a_wrong_configuration_exits_with_a_code_not_to(toml, data, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    wrong = subprocess.run(
        command(toml, tmp_path / "run", data, "--set", "data.bogus=1"), env=environment, capture_output=True, text=True
    )
    assert wrong.returncode == EX_CONFIG
    assert "data.bogus" in wrong.stderr


@pytest.mark.slow
def test_torchrun_trains_in_two_processes(toml, data, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    python, *arguments = command(toml, tmp_path / "run", data, "--set", "schedule.steps=3")
    subprocess.run([python, *launcher, *arguments], check=True, env=environment, capture_output=True)
    assert read_tensors(tmp_path / "run" / CHECKPOINT)[1]["step"] == 3
    assert [row["step"] for row in rows(tmp_path / "run", "train")] == [1, 2, 3]
    assert len(rows(tmp_path / "run", "validation")) == 1


def test_a_damaged_checkpoint_is_refused(recognizer_table, data, tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"half a file")
    with pytest.raises(ConfigError, match="not a file of weights"):
        train(parse_config(recognizer_table), tmp_path, data)


def test_a_checkpoint_without_its_tensors_is_refused(recognizer_table, data, tmp_path):
    config = parse_config(recognizer_table)
    write_tensors(tmp_path / CHECKPOINT, {"x": torch.zeros(1)}, {"recipe": config.recipe_sha256, "step": 1, "best": 0})
    with pytest.raises(RuntimeError, match="Missing key"):
        train(config, tmp_path, data)


def test_a_run_stops_by_itself_after_its_time_and_goes_on(recognizer_table, data, tmp_path):
    config = parse_config(recognizer_table)
    train(config, tmp_path / "whole", data)
    short = config.model_copy(update={"compute": config.compute.model_copy(update={"seconds": 1})})
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr("trainer.run.loop.time.perf_counter", iter(range(10_000)).__next__)
        with pytest.raises(Interrupted, match="step 1 of 4"):
            train(short, tmp_path / "parts", data)
    train(config, tmp_path / "parts", data)
    assert_same_end(tmp_path / "whole", tmp_path / "parts")


def test_the_last_validation_tells_what_it_counted_in_each_sample(recognizer_table, detector_table, data, tmp_path):
    train(parse_config(recognizer_table), tmp_path / "rec", data)
    train(parse_config(detector_table), tmp_path / "det", data)
    lines, pages = (json.loads((tmp_path / run / "items.json").read_text()) for run in ("rec", "det"))
    rights = [right for (right,) in lines["lines"]]
    assert len(rights) == 4
    assert sum(rights) / 4 == rows(tmp_path / "rec", "validation")[-1]["acc"]
    assert [labels for _, labels, _ in pages["pages"]] == [3, 3]
    matched, labels, found = (sum(page[i] for page in pages["pages"]) for i in range(3))
    assert 2 * matched / (labels + found) == pytest.approx(rows(tmp_path / "det", "validation")[-1]["hmean"])


def test_a_report_may_be_left_out(recognizer_table, data, tmp_path):
    recognizer_table["compute"]["report"] = False
    train(parse_config(recognizer_table), tmp_path, data)
    assert not (tmp_path / "report.md").exists()


@pytest.mark.parametrize("weight", [1e-6, 1e3])
def test_the_log_tells_the_share_of_the_center_loss(recognizer_table, data, tmp_path, weight):
    train(parse_config(recognizer_table), tmp_path / "plain", data)
    state = tmp_path / "plain" / "state.safetensors"
    config = parse_config(recognizer_table)
    centers = Centers(torch.rand(11, 96), torch.ones(11, dtype=torch.int64))
    write_centers(tmp_path / "centers", centers, config.charset, state)
    method = {"centers": str(tmp_path / "centers"), "center_weight": weight}
    train(parse_config(recognizer_table | {"method": method}), tmp_path / "run", data, Start(state))
    for row in rows(tmp_path / "run", "train"):
        share = row["loss/center"] / row["loss"]
        assert row["share/center"] == pytest.approx(share, abs=0.02)
        for name in ("share/center", "share/center_gradient"):
            assert row[name] < 0.01 if weight < 1 else row[name] > 0.9
    assert not any(name.startswith("share/center") for name in rows(tmp_path / "plain", "train")[0])


def test_a_teacher_that_is_no_better_than_its_student_is_warned_of(detector_table, data, tmp_path, caplog):
    with_maps = {"kind": "labels", "path": "pages", "rows": "all", "maps": "teacher", "limit": 2}
    source = {key: value for key, value in with_maps.items() if key != "limit"}
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    table = detector_table | {"method": {"distill": "cml", "teacher": "maps"}}
    table["data"] |= {"train": [source], "validate_on": [with_maps]}
    scores = []
    for name, knows in (("blind", False), ("knowing", True)):
        for number in range(8):
            write_map(folder, number, knows)
        train(parse_config(table), tmp_path / name, folder)
        scores.append(rows(tmp_path / name, "validation")[-1]["teacher_hmean"])
        assert ("no better than its student" in caplog.text) is not knows
        caplog.clear()
    assert scores[0] == 0.0
    assert scores[1] > 0.9


def test_what_a_teacher_teaches_is_judged_as_it_is_taught(detector_table, data, tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.methods.detection.dilated_target", torch.zeros_like)
    source = {"kind": "labels", "path": "pages", "rows": "all", "maps": "teacher"}
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    for number in range(8):
        write_map(folder, number, knows=True)
    table = detector_table | {"method": {"distill": "cml", "teacher": "maps"}}
    table["data"] |= {"train": [source], "validate_on": [source | {"limit": 2}]}
    found = []
    for dilate in (True, False):
        table["method"] |= {"dilate": dilate}
        run = tmp_path / f"run-{dilate}"
        train(parse_config(table), run, folder)
        found.append(rows(run, "validation")[-1])
    dilated, plain = found
    assert plain["target_hmean"] == plain["teacher_hmean"] == dilated["teacher_hmean"] > 0.9
    assert dilated["target_hmean"] == 0.0


def test_labelled_pages_without_maps_have_no_teacher(detector_table, data, tmp_path):
    table = detector_table | {"method": {"distill": "cml", "teacher": "maps"}}
    with pytest.raises(ConfigError, match="needs maps of pages"):
        train(parse_config(table), tmp_path, data)


def test_a_teacher_that_cannot_be_judged_is_warned_of(detector_table, data, tmp_path, caplog):
    table = detector_table | {"method": {"distill": "cml", "teacher": "maps"}}
    table["data"] |= {"train": [{"kind": "rendered", "fonts": "matplotlib", "size": 96}]}
    train(parse_config(table), tmp_path, data)
    assert "give data.validate_on its maps too" in caplog.text
    assert "teacher_hmean" not in rows(tmp_path, "validation")[-1]


def write_map(root: Path, number: int, knows: bool) -> None:
    """Write a teacher's map of a page: that of its labels, or of nothing."""
    row = json.loads((root / "pages" / "labels.jsonl").read_text().splitlines()[number])
    polygons = [np.array(line["points"], np.float32) for line in row["lines"]]
    core = db_targets(polygons, [False] * len(polygons), (160, 160), 0.0).shrink_map * 255
    path = map_path(root / "teacher", f"images/{number}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), core if knows else np.zeros_like(core))
