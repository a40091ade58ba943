"""Labels of a new set are there as a whole, and never in the place of those that they were made from."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys

import pytest

from trainer.commands.cli import main
from trainer.data.problems import Problems
from trainer.errors import ConfigError
from trainer.teach.written import name_in, require_some_read, written_labels

MADE = '{"image": "a.jpg", "text": "a", "source": "teacher:t@1"}\n'


def test_labels_appear_when_all_are_written(tmp_path):
    out = tmp_path / "deep" / "new"
    with written_labels(out, tmp_path) as file:
        file.write("one\n")
        assert not (out / "labels.jsonl").exists()
        file.write("two\n")
    assert (out / "labels.jsonl").read_text() == "one\ntwo\n"
    assert [path.name for path in out.iterdir()] == ["labels.jsonl"]


def test_what_was_there_stays_where_the_work_ends_early(tmp_path):
    out = tmp_path / "new"
    out.mkdir()
    (out / "labels.jsonl").write_text(MADE)
    with pytest.raises(TypeError), written_labels(out, tmp_path) as file:
        file.writelines(["half\n", None])
    assert (out / "labels.jsonl").read_text() == MADE
    assert [path.name for path in out.iterdir()] == ["labels.jsonl"]


@pytest.mark.parametrize("out", ["set", "set/../set", "link"])
def test_a_set_is_not_overwritten_by_what_is_made_from_it(tmp_path, out):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "labels.jsonl").write_text("mine\n")
    (tmp_path / "link").symlink_to("set")
    with pytest.raises(ConfigError, match="would be overwritten"), written_labels(tmp_path / out, tmp_path / "set"):
        pass
    assert (tmp_path / "set" / "labels.jsonl").read_text() == "mine\n"


def test_labels_of_a_run_before_are_replaced(tmp_path):
    for text in (MADE, "\n", "new\n"):
        with written_labels(tmp_path / "new", tmp_path / "images") as file:
            file.write(text)
    assert (tmp_path / "new" / "labels.jsonl").read_text() == "new\n"


def test_images_are_found_from_a_folder_that_a_link_leads_to(tmp_path):
    (tmp_path / "disk" / "deep" / "new").mkdir(parents=True)
    (tmp_path / "new").symlink_to("disk/deep/new")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_text("a")
    name = name_in(tmp_path / "new", tmp_path / "images" / "a.jpg")
    assert (tmp_path / "new" / name).read_text() == "a"


def test_an_image_that_is_a_link_keeps_its_name(tmp_path):
    """By which it is kept for validation or trained on."""
    (tmp_path / "stored").write_text("a")
    (tmp_path / "a.jpg").symlink_to("stored")
    assert name_in(tmp_path / "new", tmp_path / "a.jpg") == "../a.jpg"


@pytest.mark.parametrize("theirs", ['{"image": "a.jpg", "text": "a", "source": "SROIE"}\n', "half a r", "[1]\n"])
def test_labels_that_people_made_are_not_overwritten(tmp_path, theirs):
    """As by `trainer label SET/images --out SET`."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels.jsonl").write_text(MADE + theirs)
    with pytest.raises(ConfigError, match="no teacher made"), written_labels(tmp_path, tmp_path / "images"):
        pass
    assert (tmp_path / "labels.jsonl").read_text() == MADE + theirs


def _problems(count):
    problems = Problems()
    for number in range(count):
        problems.add("unreadable image", f"{number}.jpg")
    return problems


def test_labels_that_people_make_meanwhile_are_not_overwritten(tmp_path):
    theirs = tmp_path / "new" / "labels.jsonl"
    with pytest.raises(ConfigError, match="no teacher made"), written_labels(theirs.parent, tmp_path):
        theirs.write_text('{"image": "a.png", "text": "a"}')
    assert list(theirs.parent.iterdir()) == [theirs]
    assert "a.png" in theirs.read_text()


def test_images_that_cannot_be_read_are_told(caplog):
    with caplog.at_level(logging.WARNING):
        require_some_read(_problems(0), 3)
        assert not caplog.messages
        require_some_read(_problems(2), 3)
    assert caplog.messages == ["2 of 3 images cannot be read, such as 0.jpg: left out"]


def test_a_set_without_an_image_that_can_be_read_replaces_no_labels(tmp_path):
    (tmp_path / "labels.jsonl").write_text(MADE)
    with pytest.raises(ConfigError, match="3 of 3"), written_labels(tmp_path, tmp_path / "images"):
        require_some_read(_problems(3), 3)
    assert (tmp_path / "labels.jsonl").read_text() == MADE


def test_a_folder_that_cannot_be_written_is_a_wrong_configuration(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"), written_labels(tmp_path / "file", tmp_path):
        pass


class _Store:
    def open(self, name):
        return name


BOX = '{"image": "a.jpg", "lines": [{"points": [[0, 0], [%s, 0], [9, 9]], "text": "a"}]}'


@pytest.mark.parametrize(
    ("labels", "said"),
    [(None, "No such file"), ("", "no rows"), (BOX % "NaN", "finite"), (BOX % "1e300", "less than or equal")],
)
def test_a_set_that_cannot_be_read_is_told_in_words(tmp_path, monkeypatch, capsys, labels, said):
    monkeypatch.setattr("ocr_core.bundle.store.open_store", lambda url: _Store())
    if labels is not None:
        (tmp_path / "labels.jsonl").write_text(labels)
    asked = ["relabel", str(tmp_path), "--store", "s", "--bundle", "b", "--out", str(tmp_path / "new")]
    assert main(asked) == 78
    assert said in capsys.readouterr().err


def test_a_name_that_is_no_unicode_is_refused_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ocr_core.bundle.store.open_store", lambda url: _Store())
    try:
        (tmp_path / os.fsdecode(b"a\xff.jpg")).write_text("")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert main(["label", str(tmp_path), "--store", "s", "--bundle", "b", "--out", str(tmp_path / "new")]) == 78
    assert "rename it" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["relabel", "label"])
def test_a_set_whose_name_is_no_unicode_is_refused_before_the_work(tmp_path, monkeypatch, capsys, command):
    monkeypatch.setattr("ocr_core.bundle.store.open_store", lambda url: _Store())
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    (folder / "a.jpg").write_text("")
    (folder / "labels.jsonl").write_text('{"image": "a.jpg", "text": "a"}\n')
    assert main([command, str(folder), "--store", "s", "--bundle", "b", "--out", str(tmp_path / "new")]) == 78
    assert "rename it" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


SLOW = """
import runpy, sys, time
from pathlib import Path
import trainer.commands.cli
from trainer.teach.written import written_labels

def main():
    with written_labels(Path(sys.argv[1]), Path(sys.argv[1])) as file:
        print("begun", flush=True)
        time.sleep(60)

trainer.commands.cli.main = main
runpy.run_module("trainer", run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_leaves_nothing_of_a_set(tmp_path, number):
    heeding = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n{SLOW}"  # the tests may run behind nohup
    command = [sys.executable, "-c", heeding, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        assert process.wait(30) == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_ignores_a_lost_terminal_goes_on(tmp_path):
    """As behind nohup."""
    ignoring = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{SLOW}"
    command = [sys.executable, "-c", ignoring, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGHUP)
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
