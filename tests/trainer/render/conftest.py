from __future__ import annotations

import string

import pytest

from trainer.render.corpus import Corpus
from trainer.render.fonts import FontLibrary, matplotlib_fonts
from trainer.render.lines import LineRenderer
from trainer.render.pages import PageRenderer

CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation + " éßø€–")


@pytest.fixture(scope="session")
def fonts() -> FontLibrary:
    return FontLibrary.from_folders([matplotlib_fonts()])


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """Nothing installed: words are made up."""
    return Corpus(CHARACTERS)


@pytest.fixture(scope="session")
def lines(fonts: FontLibrary, corpus: Corpus) -> LineRenderer:
    return LineRenderer(fonts, corpus)


@pytest.fixture(scope="session")
def pages(fonts: FontLibrary, corpus: Corpus) -> PageRenderer:
    return PageRenderer(fonts, corpus)
