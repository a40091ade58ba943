"""Fonts from npm packages: listed once each, unpacked where the renderer looks, of the kind they are listed as."""

from __future__ import annotations

import pytest
from fontTools.ttLib import TTFont

from trainer.render import web_fonts
from trainer.render.domains import BY_NAME
from trainer.render.fonts import KINDS, FontLibrary, matplotlib_fonts


def _package(folder, family, weight=400):
    files = folder / f"node_modules/@fontsource/{family}/files"
    files.mkdir(parents=True, exist_ok=True)
    with TTFont(matplotlib_fonts() / "DejaVuSans.ttf") as font:
        font.flavor = "woff"
        font.save(files / f"{family}-latin-{weight}-normal.woff")


def test_families_are_listed_once_with_a_kind_that_scenes_draw_with():
    families = dict(web_fonts.listed())
    assert len(families) == len(list(web_fonts.listed())) > 100
    assert set(families.values()) == {"poster", "sign", "script"} <= set(KINDS) & set(BY_NAME["scene"].fonts)


def test_installed_faces_are_drawn_as_the_kind_of_their_folder(tmp_path):
    _package(tmp_path, "lobster")
    _package(tmp_path, "oswald")
    _package(tmp_path, "oswald", 700)
    out = tmp_path / "usr/share/fonts/web"
    assert web_fonts.install(tmp_path, out) == 3
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.ttf")) == [
        "poster/oswald-latin-400-normal.ttf",
        "poster/oswald-latin-700-normal.ttf",
        "script/lobster-latin-400-normal.ttf",
    ]
    faces = FontLibrary.from_folders([out]).faces
    assert sorted(face.kind for face in faces) == ["poster", "poster", "script"]


def test_a_folder_without_packages_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="fontsource"):
        web_fonts.install(tmp_path, tmp_path / "out")
