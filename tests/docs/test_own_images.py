"""docs/own-images.md, from the pictures to the service, as written."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest
from documented import ROOT, commands
from running import clone, run, served

PAGE = ROOT / "docs/own-images.md"


@pytest.mark.slow
def test_a_model_learns_images_of_ones_own(tmp_path: Path) -> None:
    clone(tmp_path)
    install, draw, before, check, train, publish, after, serve = commands(PAGE)
    assert install.startswith("pip install")
    started = time.monotonic()
    run(draw, tmp_path)
    known = word_f1(run(before, tmp_path))
    assert "0 to ignore" in run(check, tmp_path)
    run(train, tmp_path)
    run(publish, tmp_path)
    learned = word_f1(run(after, tmp_path))
    print(f"word F1 {known} before, {learned} after, {time.monotonic() - started:.0f} s")
    assert learned > known + 0.2
    with served(serve, tmp_path) as url:
        data = (tmp_path / "examples/receipt.jpg").read_bytes()
        answer = httpx.post(f"{url}/v1/ocr", files={"file": data}, timeout=60).json()
    assert answer["model"]["name"] == "own"
    assert any("BAKERY" in line["text"] for line in answer["pages"][0]["lines"]), "what it knew is forgotten"


def word_f1(printed: str) -> float:
    found = re.search(r"word_f1 ([\d.]+)", printed)
    assert found is not None
    return float(found[1])
