"""Files that agents may have read, without an agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.errors import ImageError
from service.agents.folders import Folders
from service.errors import ForbiddenError


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc")
def test_a_folder_is_no_file_and_does_not_stay_open(tmp_path: Path) -> None:
    folders = Folders([tmp_path], 100)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(ImageError):
            folders.read(".")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for path in ("loop", "loop/a.png"):
        with pytest.raises(ForbiddenError):
            Folders([tmp_path], 100).read(path)
