"""What `trainer language` counts."""

from __future__ import annotations

from pydantic import Field

from ocr_core.charset import LATIN
from ocr_core.recognition.language import ORDER_LIMIT
from trainer.config.sections import Share, Strict


class LanguageConfig(Strict):
    """A language model of the words of the installed corpora and of phrases that the renderer draws."""

    order: int = Field(default=6, ge=2, le=ORDER_LIMIT)
    """Longest n-gram, in characters."""
    threshold: float = Field(default=6.0, ge=0)
    """An n-gram is kept if the texts become less likely without it by so many nats, of a million words in all."""
    phrases: int = Field(default=400_000, ge=1)
    """Phrases that are drawn: they alone tell of prices, dates and codes."""
    phrases_share: Share = 0.33
    """Their share of all words; the rest are those of the languages, by the weights of the renderer's corpus."""
    mix: dict[str, float] = Field(default_factory=dict)
    """Weights of the domains that phrases are drawn from; empty: the renderer's default."""
    seed: int = Field(default=0, ge=0)
    """Decides what is drawn."""
    word_bytes: int = Field(default=1_000_000, ge=1)
    """So much is read of each list of words."""
    text_bytes: int = Field(default=40_000_000, ge=1)
    """So much running text is read of each language."""
    characters: str = LATIN
    """Words with other characters are left out."""
