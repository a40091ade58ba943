"""Configurations: the shipped ones load, wrong ones are refused with every wrong key named."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from pydantic import TypeAdapter

import trainer
from trainer.commands.options import KINDS, describe
from trainer.config import (
    DetectorRun,
    load_config,
    load_language_config,
    load_publish_config,
    load_quantize_config,
    parse_config,
)
from trainer.errors import ConfigError
from trainer.render.domains import BY_NAME

CONFIGS = Path(trainer.__file__).parent / "configs"
RUNS = sorted(path for path in CONFIGS.rglob("*.toml") if not path.stem.startswith(("publish", "quantize", "language")))
PUBLISHED = sorted(CONFIGS.rglob("publish*.toml"))


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_shipped_configurations_load(path):
    assert load_config(path).schedule.steps > 0


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_shipped_publications_load(path):
    assert load_publish_config(path).validate_on


def test_the_shipped_quantization_loads():
    assert load_quantize_config(CONFIGS / "quantize.toml").calibrate_on


def test_the_shipped_language_model_loads():
    assert set(load_language_config(CONFIGS / "language.toml").mix) <= set(BY_NAME)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_option_is_described(kind):
    schema = TypeAdapter(kind).json_schema()
    text = describe(kind)
    for section in (schema, *schema.get("$defs", {}).values()):
        for option, field in section.get("properties", {}).items():
            meaning = " ".join(field.get("description", "").split())
            if f"| `{option}` |" in text:
                assert meaning, option
                assert meaning in text
            else:
                assert "$ref" in str(field), option  # a section of its own
        assert section["description"].splitlines()[0] in text or section is schema


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("bogus", 1, "bogus"),
        ("data.bogus", 1, "data.bogus"),
        ("net.nek", "mixer", "net.nek"),
        ("data.batch", 0, "data.batch"),
        ("data.batch", "4", "data.batch"),
        ("data.widths", [96, 48], "widths must ascend"),
        ("optimizer.name", "lion", "optimizer.name"),
        ("schedule", {}, "schedule.steps"),
        ("task", "translator", "task"),
        ("name", "Capitals and spaces", "name"),
    ],
)
def test_wrong_keys_and_values_are_named(recognizer_table, key, value, message):
    table = copy.deepcopy(recognizer_table)
    *sections, option = key.split(".")
    inner = table
    for section in sections:
        inner = inner[section]
    inner[option] = value
    with pytest.raises(ConfigError, match=message):
        parse_config(table)


def test_all_problems_are_told_at_once(recognizer_table):
    with pytest.raises(ConfigError) as refused:
        parse_config(recognizer_table | {"one": 1, "two": 2})
    assert "one" in str(refused.value)
    assert "two" in str(refused.value)


def test_overrides(tmp_path):
    path = CONFIGS / "det-fast.toml"
    config = load_config(path, ["schedule.steps=7", "name=other", "data.scale=[1.0, 2.0]", "method.distill='dml'"])
    assert isinstance(config, DetectorRun)
    assert (config.schedule.steps, config.name, config.data.scale, config.method.distill) == (7, "other", (1, 2), "dml")


@pytest.mark.parametrize("override", ["schedule.stepps=7", "name.x=1", "data.train=3"])
def test_wrong_overrides_are_refused(override):
    with pytest.raises(ConfigError):
        load_config(CONFIGS / "det-fast.toml", [override])


@pytest.mark.parametrize("content", ["not = toml = at all", "", "\xff"])
def test_files_that_are_no_configuration(tmp_path, content):
    path = tmp_path / "run.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"run\.toml"):
        load_config(path)
    with pytest.raises(ConfigError, match="absent"):
        load_config(tmp_path / "absent.toml")


def test_the_recipes_hash_leaves_out_where_it_runs(recognizer_table):
    first = parse_config(recognizer_table)
    elsewhere = parse_config(recognizer_table | {"compute": {"threads": 8, "workers": 4}})
    other = parse_config(recognizer_table | {"seed": 1})
    assert first.recipe_sha256 == elsewhere.recipe_sha256
    assert first.recipe_sha256 != other.recipe_sha256


def test_the_smoke_test_finds_its_configurations() -> None:
    from trainer.commands import smoke

    assert {file.name for file in smoke.CONFIGS.glob("*.toml")} >= {"det-teacher.toml", "publish.toml"}
