from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ocr_core.pipeline.loading import writable
from service.settings import Settings, load_settings


def test_defaults_are_those_of_the_conventions() -> None:
    settings = Settings()
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)
    assert (settings.model_store, settings.backend, settings.threads) == (None, "auto", None)
    assert settings.request_timeout_seconds == 30


def test_environment_over_file_over_default_and_arguments_over_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "ocr.env"
    config.write_text("# comment\nOCR_PORT=1\nOCR_THREADS=2\nOCR_PAYLOAD_LIMIT=1MiB\nOCR_MODEL=file\n")
    monkeypatch.setenv("OCR_CONFIG", str(config))
    monkeypatch.setenv("OCR_THREADS", "3")
    monkeypatch.setenv("OCR_MODEL", "environment")
    settings = load_settings(model="argument", backend=None)
    assert (settings.port, settings.threads, settings.model) == (1, 3, "argument")
    assert settings.payload_limit == 2**20
    assert settings.backend == "auto"


def test_empty_variables_mean_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_THREADS", "")
    assert load_settings().threads is None


def test_a_file_that_is_missing_or_misspelt_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "ocr.env"
    monkeypatch.setenv("OCR_CONFIG", str(config))
    with pytest.raises(FileNotFoundError, match=r"ocr\.env"):
        load_settings()
    config.write_text("OCR_PROT=1\n")
    with pytest.raises(ValidationError, match="prot"):
        load_settings()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", 70000),
        ("model", "../secret"),
        ("model", "name@"),
        ("backend", "tpu"),
        ("threads", 0),
        ("payload_limit", 0),
        ("max_queue_size", 15),
        ("request_timeout_seconds", 0),
        ("log_level", "loud"),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Settings(**{field: value})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert len(field.description or "") > 15, name


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "cache" / "compiled"
    assert writable(folder) == folder
    assert folder.is_dir()
    file = tmp_path / "file"
    file.touch()
    assert writable(file / "compiled") is None
    assert "not kept" in caplog.text
