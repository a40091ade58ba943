"""`ocr read --draw`: over no file that is read, and over no other drawing of the same run."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import ocr
from service_fakes import encoded, picture

from service.cli.drawing import LONGEST_NAME
from service.settings import Settings

DRAW = """
import sys
from pathlib import Path
import numpy as np
from ocr_core.pages.document import SourcePage
from ocr_core.pipeline.result import Page
from service.cli.drawing import draw
pixels = np.zeros((9, 20_000, 3), np.uint8)
source = SourcePage(number=1, width=20_000, height=9, render=lambda _: pixels)
draw(source, Page(width=20_000, height=9, rotation=0, lines=()), Path(sys.argv[1]))
"""


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


def test_a_link_of_the_folder_leads_no_drawing_over_another(
    loaded: list[Settings], images: Path, tmp_path: Path
) -> None:
    drawn, names = tmp_path / "drawn", ("a.png", "b.png")
    drawn.mkdir()
    (drawn / "b.png").symlink_to("a.png")
    (images / "b.png").write_bytes((images / "a.png").read_bytes())
    code, _, _ = ocr("read", *(str(images / name) for name in names), "--draw", str(drawn))
    assert code == 0
    assert sorted(path.name for path in drawn.iterdir()) == ["a.png", "b.2.png", "b.png"]


@pytest.mark.parametrize(("draw", "output"), [("x.png", "x.png"), ("x.png", "deep/../x.png"), ("new", "new/a.png")])
def test_text_and_drawing_are_not_one_file(
    loaded: list[Settings], images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, draw: str, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("deep", "new"):
        (tmp_path / folder).mkdir()
    code, out, err = ocr("read", str(images / "a.png"), "--draw", draw, "-o", output, "-f", "txt")
    assert (code, out, loaded) == (2, "", [])
    assert "-o and --draw both name" in err
    assert not (tmp_path / output).exists()


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


@pytest.mark.parametrize(
    "name", [b"caf\xe9.png", b"a.\xe9", b"\x1b[2J.png", b"a.pgm", b"a.pbm", b"a.webp", b"a", b".png"]
)
def test_what_is_drawn_is_a_picture_whatever_its_name(tmp_path: Path, name: bytes) -> None:
    """In a process of its own: OpenCV crashed over names that are no Unicode. The page is too wide for WebP."""
    target = tmp_path / os.fsdecode(name)
    done = subprocess.run([sys.executable, "-c", DRAW, target], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    drawn = cv2.imdecode(np.frombuffer(target.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert drawn.shape == (9, 20_000, 3)


def test_what_is_to_be_read_is_told_without_moving_a_terminal(loaded: list[Settings], images: Path) -> None:
    (images / "a.png").rename(images / "a\x1b[2J.png")
    code, _, err = ocr("read", images, "--draw", images)
    assert code == 2
    assert err.startswith(f"error: {images}/a\\x1b[2J.png is to be read")


@pytest.mark.parametrize("letter", ["a", "é"])
def test_the_longest_names_have_drawings_too(loaded: list[Settings], papers: Path, tmp_path: Path, letter: str) -> None:
    stem = letter * ((LONGEST_NAME - len(".pdf")) // len(letter.encode()))
    (papers / "paper.pdf").rename(papers / f"{stem}.pdf")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / f"{stem}.pdf").write_bytes((papers / f"{stem}.pdf").read_bytes())
    assert ocr("read", papers / f"{stem}.pdf", tmp_path / "x" / f"{stem}.pdf", "--draw", tmp_path / "drawn")[0] == 0
    assert len(list((tmp_path / "drawn").iterdir())) == 6


def test_half_a_drawing_is_not_left(loaded: list[Settings], images: Path, tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        code, _, err = ocr("read", images / "a.png", "--draw", tmp_path / "drawn.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (code, err) == (1, f"error: [Errno {errno.EFBIG}] File too large\n")
    assert not (tmp_path / "drawn.png").exists()
