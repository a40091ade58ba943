"""`ocr read --draw`: over no file that is read, and over no other drawing of the same run."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import pytest
from commands import ocr
from service_fakes import encoded, picture

from service.settings import Settings


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("source", "place"),
    [(".", "."), ("a.png", "."), ("a.png", "a.png"), ("a.png", "deep/../a.png"), ("a.png", "link"), ("link", "a.png")],
)
def test_what_is_read_is_not_drawn_over(
    loaded: list[Settings], images: Path, monkeypatch: pytest.MonkeyPatch, source: str, place: str
) -> None:
    monkeypatch.chdir(images)
    (images / "link").symlink_to("a.png")
    before = contents(images)
    code, out, err = ocr("read", source, "--draw", place)
    assert (code, out, loaded) == (2, "", [])
    assert "is to be read, and would be drawn over; --draw needs another place" in err
    assert contents(images) == before


def test_drawings_of_one_name_are_all_there(loaded: list[Settings], images: Path, tmp_path: Path) -> None:
    more = [tmp_path / name / file for name, file in (("x", "a.jpg"), ("y", "a.png"), ("z", "a.2.png"))]
    for path in more:
        path.parent.mkdir()
        path.write_bytes(encoded(path.suffix))
    for _ in range(2):  # those of the run before are drawn over
        assert ocr("read", images / "a.png", *more, "--draw", tmp_path / "drawn")[0] == 0
        names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
        assert names == ["a.2.2.png", "a.2.png", "a.3.png", "a.png"]


def test_a_page_is_not_drawn_over_a_file_named_as_it(
    loaded: list[Settings], images: Path, papers: Path, tmp_path: Path
) -> None:
    (images / "a.png").rename(images / "paper-2.png")
    assert ocr("read", papers / "paper.pdf", images / "paper-2.png", "--draw", tmp_path / "drawn")[0] == 0
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names == ["paper-2.2.png", "paper-2.png", "paper-3.png", "paper.png"]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_among_the_drawings_does_not_lead_to_what_is_read(
    loaded: list[Settings], images: Path, papers: Path, tmp_path: Path, link: object
) -> None:
    (tmp_path / "drawn").mkdir()
    assert callable(link)
    link(images / "a.png", tmp_path / "drawn" / "paper-2.png")
    assert ocr("read", papers / "paper.pdf", images / "a.png", "--draw", tmp_path / "drawn")[0] == 0
    assert (cv2.imread(str(images / "a.png")) == picture()).all()
    assert (tmp_path / "drawn" / "paper-2.2.png").is_file()
