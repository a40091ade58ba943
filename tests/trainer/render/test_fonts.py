from __future__ import annotations

import shutil

import numpy as np
import pytest

from trainer.render.atlas import GlyphAtlas
from trainer.render.draws import sample_rng
from trainer.render.fonts import FontLibrary, excluded_fonts, matplotlib_fonts


def test_faces_know_their_kind_and_characters(fonts):
    mono = next(face for face in fonts.faces if face.path.endswith("DejaVuSansMono.ttf"))
    assert mono.kind == "mono"
    assert "é" in mono.characters
    bold = next(face for face in fonts.faces if face.path.endswith("DejaVuSans-BoldOblique.ttf"))
    assert bold.bold
    assert bold.italic


def test_a_face_is_drawn_that_covers_the_text(fonts):
    kinds = fonts.weights({"sans": 1.0, "serif": 1.0, "mono": 1.0, "display": 1.0})
    for index in range(50):
        assert {"ž", "→"} <= fonts.draw(sample_rng(0, index), kinds, "ž →").characters


def test_a_library_without_fonts_says_what_to_install(tmp_path):
    with pytest.raises(ValueError, match=r"fonts\.txt"):
        FontLibrary.from_folders([tmp_path])


def test_excluded_and_broken_files_are_left_out(tmp_path):
    for name in ("DejaVuSans.ttf", "DejaVuSerif.ttf"):
        shutil.copy(matplotlib_fonts() / name, tmp_path / name)
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    library = FontLibrary.from_folders([tmp_path], frozenset({"DejaVuSerif.ttf"}))
    assert [face.family for face in library.faces] == ["DejaVu Sans"]


def test_the_exclusion_list_holds_file_names():
    assert all(name.endswith((".ttf", ".otf", ".TTF", ".OTF")) for name in excluded_fonts())


def test_of_matplotlibs_fonts_those_are_taken_that_draw_what_they_are_asked_to():
    library = FontLibrary.from_folders([matplotlib_fonts()], excluded_fonts())
    assert {face.family for face in library.faces} == {"DejaVu Sans", "DejaVu Sans Mono", "DejaVu Serif", "STIXGeneral"}


def test_a_set_line_draws_what_falls_inside(fonts):
    atlas, face = GlyphAtlas(), fonts.faces[0]
    line = atlas.set_line(face, 24, "Hi there")
    assert len(line.x) == len(line.ends) == 8
    assert np.all(line.x[1:] >= line.ends[:-1] - 1e-3)
    canvas = np.zeros((60, line.width + 20), np.uint8)
    line.draw(canvas, 10, 40)
    top, bottom = line.ink_rows()
    rows = np.flatnonzero(canvas.any(axis=1))
    assert (rows[0] - 40, rows[-1] + 1 - 40) == (top, bottom)
    cut = np.zeros((30, 40), np.uint8)
    line.draw(cut, -15, 20)
    assert np.array_equal(cut, np.pad(canvas, ((0, 0), (0, 40)))[20:50, 25:65])


def test_the_atlas_forgets_the_face_used_longest_ago(fonts):
    atlas = GlyphAtlas(capacity=2)
    first, *others = fonts.faces[:3]
    kept = atlas.glyph(first, 16, "a")
    assert atlas.glyph(first, 16, "a") is kept
    for face in others:
        atlas.glyph(face, 16, "a")
    assert atlas.glyph(first, 16, "a") is not kept
