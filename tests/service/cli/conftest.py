from __future__ import annotations

from pathlib import Path

import pdfs
import pytest
from commands import PAGES
from encrypted_pdf import encrypted
from service_fakes import FakeReader, encoded

from ocr_core.errors import BundleNotFoundError
from service.settings import Settings


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Let commands load a fake reader; gives the settings that they asked for."""
    asked = []

    def load(settings: Settings) -> FakeReader:
        asked.append(settings)
        if settings.model == "absent":
            raise BundleNotFoundError("no bundle 'absent'. Make one.")
        return FakeReader(streams=2)

    monkeypatch.setattr("service.engine.loading.load_engine", load)
    return asked


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded())
    (folder / "deep" / "b.JPG").write_bytes(encoded(".jpg"))
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """A folder with a PDF of three pages that carry their text, and one that is encrypted with `secret`."""
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "paper.pdf").write_bytes(pdfs.document(PAGES))
    (folder / "secret.pdf").write_bytes(encrypted(b"secret"))
    return folder
