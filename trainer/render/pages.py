"""Whole pages as a detector meets them, with the quads of their lines (of their words in street scenes)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import backgrounds, noise
from trainer.render.atlas import GlyphAtlas
from trainer.render.clutter import litter
from trainer.render.corpus import Corpus
from trainer.render.desk import Desk, nearest_size
from trainer.render.domains import BY_NAME, Domain
from trainer.render.draws import Weighted, between, chance, pick, rather_low, sample_rng
from trainer.render.fonts import FontLibrary
from trainer.render.geometry import Camera, clip_quads
from trainer.render.ink import finish
from trainer.render.layouts import LAYOUTS
from trainer.render.phrases import Phrases
from trainer.render.scenes import scatter, street
from trainer.render.sheet import Sheet, Type

Rng = np.random.Generator
Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

KINDS: Mapping[str, tuple[float, str]] = {
    "receipt": (0.14, "receipt"),
    "receipt_photo": (0.16, "receipt_photo"),
    "form": (0.14, "form"),
    "table": (0.08, "document"),
    "document": (0.16, "document"),
    "document_photo": (0.04, "receipt_photo"),
    "book": (0.06, "book"),
    "slide": (0.04, "screen"),
    "screen": (0.04, "screen"),
    "scatter": (0.05, "scene"),
    "street": (0.09, "scene"),
}
"""Share of each kind of page, and the domain that its light, blur and noise are those of."""
_TEXT_HEIGHTS = {"receipt": (9, 30), "form": (9, 22), "book": (11, 30), "slide": (12, 34), "screen": (10, 22)}


@dataclass(frozen=True, slots=True)
class Page:
    """`image` uint8 [H, W, 3] BGR; `quads` float32 [L, 4, 2] in pixels, clockwise from each text's top left.

    `ignore` [L] marks what a detector is neither to find nor to be blamed for: cut or unlabelled text.
    """

    image: Image
    quads: Floats
    texts: tuple[str, ...]
    ignore: NDArray[np.bool_]
    kind: str


class PageRenderer:
    """Renders pages in the characters of `corpus`; a page is a function of (seed, index, size) alone."""

    def __init__(
        self,
        fonts: FontLibrary,
        corpus: Corpus,
        mix: Mapping[str, float] | None = None,
        surfaces: backgrounds.Surfaces | None = None,
    ) -> None:
        """`surfaces`: parts of photographs without text, for the street."""
        noise.warm_up()
        backgrounds.warm_up()
        self.phrases = Phrases(corpus)
        self._fonts = fonts
        self._atlas = GlyphAtlas()
        self._surfaces = surfaces
        self._kinds = Weighted(mix or {kind: share for kind, (share, _) in KINDS.items()})
        self._faces = {name: fonts.weights(BY_NAME[name].fonts) for name in {domain for _, domain in KINDS.values()}}

    @classmethod
    def default(cls, characters: frozenset[str], **options: Any) -> PageRenderer:
        """With the fonts and texts installed on this machine."""
        return cls(FontLibrary.default(), Corpus.installed(characters), **options)

    def sample(self, seed: int, index: int, size: int = 640) -> Page:
        """The page of (seed, index)."""
        return self.render(sample_rng(seed, index), size)

    def render(self, rng: Rng, size: int = 640, kind: str | None = None) -> Page:
        """A page of `size` × `size` pixels."""
        kind = kind or self._kinds.draw(rng)
        domain = KINDS[kind][1]
        world = BY_NAME[domain]
        layout = {"receipt_photo": "receipt", "document_photo": "document"}.get(kind, kind)
        camera = Camera.draw(rng, size, photo=kind.endswith("photo"), layout=layout)
        text_height = np.exp(between(rng, *np.log(_TEXT_HEIGHTS.get(layout, (9, 32))))) * size / 640
        sheet = Sheet(self._ground(rng, world, layout, camera.sheet), self._atlas)
        if layout == "street":
            street(rng, sheet, self.phrases, self._typist(rng, domain))
        elif layout == "scatter":
            scatter(rng, sheet, self.phrases, self._typist(rng, domain))
        else:
            bare = sheet.ground.copy() if chance(rng, world.wear) else None
            LAYOUTS[layout](self._desk(rng, world, domain, sheet, text_height))
            if layout not in ("slide", "screen"):
                litter(rng, sheet.ground)
            if bare is not None:
                _fade(rng, sheet.ground, bare)
        return develop(rng, world, sheet, camera, kind, float(text_height))

    def _ground(self, rng: Rng, world: Domain, layout: str, shape: tuple[int, int]) -> Floats:
        height, width = shape
        if layout in ("street", "scatter") and chance(rng, 0.85 if layout == "street" else 0.4):
            return backgrounds.photo_like(rng, height, width, self._surfaces)
        return paper(rng, world, height, width, vivid=layout in ("slide", "screen", "scatter") and chance(rng, 0.4))

    def _typist(self, rng: Rng, domain: str) -> Any:
        return lambda text: self._fonts.draw(rng, self._faces[domain], text)

    def _desk(self, rng: Rng, world: Domain, domain: str, sheet: Sheet, text_height: float) -> Desk:
        ground = float(sheet.ground[:: max(1, sheet.height // 8), :: max(1, sheet.width // 8)].mean())
        dark = between(rng, *world.ink) if ground > 110 else between(rng, 200, 255)
        ink = backgrounds.tint(rng, min(dark, ground - 60) if ground > 110 else dark)
        if not chance(rng, world.coloured):
            ink = np.full(3, backgrounds.luminance(ink), np.float32)
        face = self._fonts.draw(rng, self._faces[domain], "Aa0")
        size = nearest_size(text_height * 1.15)
        head = face if chance(rng, 0.5) else self._fonts.draw(rng, self._faces[domain], "Aa0")
        head_size = nearest_size(size * pick(rng, (1.0, 1.2, 1.4, 1.8)))
        small = nearest_size(size * pick(rng, (0.7, 0.85, 1.0)))
        tracking = between(rng, 0, 0.04) * size if chance(rng, 0.3) else 0.0
        return Desk(
            rng,
            sheet,
            self.phrases,
            Type(face, size, ink, tracking),
            Type(head, head_size, ink),
            Type(face, small, ink),
        )


def develop(rng: Rng, world: Domain, sheet: Sheet, camera: Camera, kind: str, text_height: float) -> Page:
    """Photographs or scans a sheet whose text is about `text_height` pixels high."""
    image, quads = camera.shoot(rng, sheet.ground, sheet.quads)
    grey = not camera.photo and not chance(rng, world.coloured)
    bilevel = grey and chance(rng, world.bilevel)
    if grey:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)
    kept, quads, cut = clip_quads(quads, camera.size, camera.size)
    return Page(
        image=finish(rng, world, image, bilevel=bilevel, text_height=max(text_height * 0.8, 8.0)),
        quads=quads,
        texts=tuple(sheet.texts[at] for at in kept),
        ignore=np.array([sheet.ignored[at] for at in kept], np.bool_) | cut,
        kind=kind,
    )


def paper(rng: Rng, world: Domain, height: int, width: int, *, vivid: bool = False) -> Floats:
    """The domain's paper [height, width, 3], of any colour if `vivid`."""
    low, high = world.level
    level = rather_low(rng, high, low)
    if vivid:
        base = backgrounds.colour(rng, value=(0.1, 1.0), saturation=(0.0, 0.8))
    else:
        base = backgrounds.tint(rng, level) if chance(rng, world.coloured) else np.full(3, level, np.float32)
    ground = backgrounds.flat(rng, height, width, base, 0.25 if vivid else 0.06)
    ground += backgrounds.in_three(backgrounds.paper(rng, height, width, 0, world.roughness * rng.random()))
    return ground


def _fade(rng: Rng, ground: Floats, bare: Floats) -> None:
    """Lets the ink of `ground` fade in patches or streaks towards the `bare` paper, in place."""
    height, width = ground.shape[:2]
    strength = rather_low(rng, 0.1, 0.7)
    field = (
        noise.smooth(rng, height, width, pick(rng, (16, 64, 256))) if chance(rng, 0.6) else noise.white(rng, 1, width)
    )
    kept = np.clip(1 - strength * (0.45 + 0.5 * field), 0.12, 1).astype(np.float32)
    kept = np.broadcast_to(kept, (height, width))
    ground -= bare
    ground *= backgrounds.in_three(np.ascontiguousarray(kept))
    ground += bare
