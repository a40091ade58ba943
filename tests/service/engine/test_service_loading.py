"""From settings to an engine that is known to read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from service_fakes import FakeReader, bundle, encoded, picture

from ocr_core.errors import BundleCorruptError
from ocr_core.pipeline.engine import Engine
from service.engine.loading import load_engine
from service.settings import Settings


class Golden(FakeReader):
    """Reads its golden sample."""

    def read(self, pixels, options=None, *, runner=None):  # type: ignore[no-untyped-def]
        assert (pixels == picture()).all()
        return super().read(pixels, options or SimpleNamespace(detect=True, words=False, min_confidence=0.5))


@pytest.mark.parametrize("text", [("Total 12.95", "smudge"), ("Total 12.96", "smudge")])
def test_an_engine_is_let_in_only_if_it_reads_its_golden_sample(
    text: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "golden.png").write_bytes(encoded())
    manifest = bundle().manifest
    golden = manifest.golden.model_copy(update={"text": text})
    sample = replace(bundle(), path=tmp_path, manifest=manifest.model_copy(update={"golden": golden}))
    reader = Golden()
    monkeypatch.setattr("service.engine.loading.open_model_store", lambda _: SimpleNamespace(open=lambda _: sample))
    monkeypatch.setattr(Engine, "load", lambda *_, **__: reader)
    settings = Settings(cache_dir=tmp_path / "cache")
    if text == ("Total 12.95", "smudge"):
        assert load_engine(settings) is reader
        assert reader.steps == []
    else:
        with pytest.raises(BundleCorruptError):
            load_engine(settings)
        assert reader.steps == ["close"]
