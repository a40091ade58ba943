from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.charset import BLANK, LATIN, Charset, normalize

LATIN_CHARSET = Charset.latin()


@given(st.text(LATIN))
def test_latin_round_trip(text):
    classes = LATIN_CHARSET.encode(text)
    assert LATIN_CHARSET.decode(classes) == text
    assert BLANK not in classes


@given(st.lists(st.characters(codec="utf-8"), min_size=1, unique=True), st.data())
def test_round_trip_of_any_charset(characters, data):
    charset = Charset(characters)
    text = data.draw(st.text(st.sampled_from(characters)))
    assert charset.decode(charset.encode(text)) == text
    assert len(charset) == len(characters) + 1


def test_latin_holds_each_character_once_and_as_normalised():
    assert len(set(LATIN)) == len(LATIN)
    assert all(normalize(f"a{c}b") == f"a{c}b" for c in LATIN)


def test_blanks_read_as_nothing():
    charset = Charset("ab")
    assert charset.text(BLANK) == ""
    assert charset.decode([0, 2, 0, 1]) == "ba"


def test_characters_outside_are_named():
    with pytest.raises(ValueError, match="'xz'"):
        Charset("ab").encode("axbz")


def test_entries_of_several_code_points_are_one_class():
    charset = Charset(["a", "🇩🇪", "b"])
    assert charset.decode([1, 2, 3]) == "a🇩🇪b"
    assert "🇩🇪" in charset
    assert "🇩" not in charset


def test_of_repeated_entries_the_first_is_encoded_and_all_are_decoded():
    charset = Charset("aba")
    assert charset.encode("ab") == [1, 2]
    assert charset.decode([3]) == "a"
    assert len(charset) == 4


def test_empty_entries_are_refused():
    with pytest.raises(ValueError, match="empty"):
        Charset(["a", ""])


def test_equality_is_that_of_the_entries():
    assert Charset("ab") == Charset(["a", "b"])
    assert hash(Charset("ab")) == hash(Charset(["a", "b"]))
    assert Charset("ab") != Charset("ba")


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        pytest.param("ＡＢ１２！", "AB12!", id="full-width forms"),
        pytest.param("½ x² ™", "½ x² ™", id="signs that NFKC would break up"),
        pytest.param("e\u0301", "é", id="combining accent"),
        pytest.param("\uff25\u0301", "É", id="combining accent on a full-width letter"),
        pytest.param(" a\t\u3000b\n", "a b", id="white space"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_normalize(text, normalised):
    assert normalize(text) == normalised


@given(st.text())
def test_normalize_is_idempotent_and_composed(text):
    once = normalize(text)
    assert normalize(once) == once
    assert unicodedata.is_normalized("NFC", once)
