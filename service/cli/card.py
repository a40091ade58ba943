"""A model's card, for people at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ocr_core.bundle.base import Store
from ocr_core.bundle.reader import Bundle
from ocr_core.specs import NetworkSpec, RecognizerSpec
from service.cli.common import counted

_SHOWN = 72
"""Characters of the alphabet in a line."""


def card(bundle: Bundle, store: Store) -> str:
    """Return what the manifest says, and which versions there are beside this one."""
    rows = (*_identity(bundle, store), *_networks(bundle), *_characters(bundle.manifest.models.recognizer))
    lines = [f"{name:<12}{text}".rstrip() for name, text in rows]
    return "\n".join([*lines, "", *_scores(bundle)])


def card_json(bundle: Bundle) -> str:
    """Return the manifest with digest and place, as JSON."""
    manifest = bundle.manifest.model_dump(mode="json")
    found = {"ref": bundle.ref, "digest": bundle.digest, "path": str(bundle.path), "manifest": manifest}
    return json.dumps(found, ensure_ascii=False, indent=1)


def _identity(bundle: Bundle, store: Store) -> Iterator[tuple[str, str]]:
    manifest = bundle.manifest
    current = next((entry.current for entry in store.list() if f"{entry.name}@{entry.version}" == bundle.ref), False)
    others = [version for version in store.versions(manifest.name) if version != manifest.version]
    yield "model", f"{bundle.ref}{' (current)' if current else ''}"
    yield "digest", f"sha256:{bundle.digest}"
    yield "size", f"{sum(file.bytes for file in manifest.files()) / 1e6:.1f} MB in {bundle.path}"
    yield "created", f"{manifest.created:%Y-%m-%d %H:%M} UTC by {manifest.origin.tool}"
    yield "source", manifest.origin.source
    yield "licence", manifest.origin.licence or "not stated"
    if others:
        yield "beside it", ", ".join(others)


def _networks(bundle: Bundle) -> Iterator[tuple[str, str]]:
    models = bundle.manifest.models
    resize, recognizer = models.detector.resize, models.recognizer
    area = f", {resize.max_pixels / 1e6:.2g} megapixels" if resize.max_pixels else ""
    fine = f", small lines again at {resize.fine_pixels / 1e6:.2g}" if resize.fine_pixels else ""
    faint = ", faint text looked for where lines are few" if models.detector.faint else ""
    yield "detector", f"{_file(models.detector)}; long side up to {resize.max_side} pixels{area}{fine}{faint}"
    yield (
        "recognizer",
        f"{_file(recognizer)}; lines {recognizer.height} pixels high, up to {recognizer.widths[-1]} wide",
    )
    if models.second is not None:
        yield (
            "second",
            f"{_file(models.second)}; reads again where a character is less probable than {models.second.below}",
        )
    if models.classifier is not None:
        yield "classifier", _file(models.classifier)
    if recognizer.language is not None:
        yield "language", f"{recognizer.language.model.file}, {recognizer.language.model.bytes / 1e6:.1f} MB"
    yield "golden", f"{bundle.manifest.golden.image.file} reads {' / '.join(bundle.manifest.golden.text)!r}"


def _file(spec: NetworkSpec) -> str:
    return f"{spec.weights.file}, {spec.weights.bytes / 1e6:.1f} MB, opset {spec.opset}"


def _characters(spec: RecognizerSpec) -> Iterator[tuple[str, str]]:
    yield "characters", f"{len(spec.characters)}"
    text = "".join(character for character in spec.characters if not character.isspace())
    for at in range(0, min(len(text), 6 * _SHOWN), _SHOWN):
        yield "", text[at : at + _SHOWN] + ("…" if at + _SHOWN >= 6 * _SHOWN < len(text) else "")


def _scores(bundle: Bundle) -> list[str]:
    scores = bundle.manifest.scores
    if not scores:
        return ["It was published without scores: `ocr eval` makes some."]
    width = max(len(score.dataset) for score in scores)
    rows = [
        f"  {score.dataset:<{width}}  {score.metric:<9} {score.value:.4f}  {counted(score.images, 'image')}"
        for score in scores
    ]
    return ["scores when it was published, by the pages that validate it", *rows]
