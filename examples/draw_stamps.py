"""Draws pictures of codes stamped in dots, with labels: `python examples/draw_stamps.py FOLDER [COUNT]`.

They stand for images of your own in docs/own-images.md: prints of ink-jets on packages, which few models are shown.
Needs matplotlib, of the extra `trainer`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSansMono-Bold.ttf"), 10)
PITCH = 4
"""Pixels from dot to dot."""
MARGIN = 120
PAPERS = ((228, 232, 236), (186, 206, 222), (208, 196, 172))
"""Colours, blue first."""


def text_of(rng: np.random.Generator) -> str:
    """Return a code."""
    day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(2026, 2032)
    number = "".join(rng.choice(list("0123456789ABCDEFGHKLMNPRSTUVXYZ"), 6))
    kinds = (
        f"EXP {day:02d}.{month:02d}.{year}",
        f"LOT {number}",
        f"L{number[:4]} {day:02d}:{month:02d}",
        f"BB {month:02d}/{year}",
    )
    return kinds[rng.integers(len(kinds))]


def stamp(text: str, rng: np.random.Generator) -> np.ndarray:
    """Return where ink is, from 0 to 1: a dot for each pixel of small letters, none quite in its place."""
    small = Image.new("1", (round(FONT.getlength(text)), 12))
    ImageDraw.Draw(small).text((0, 0), text, font=FONT, fill=1)
    dots = np.asarray(small)
    ink = np.zeros((dots.shape[0] * PITCH, dots.shape[1] * PITCH), np.float32)
    for y, x in np.argwhere(dots):
        center = (np.array([x, y]) + 0.5) * PITCH + rng.normal(0, 0.5, 2)
        cv2.circle(ink, center.astype(int), 2, float(rng.uniform(0.6, 1)), cv2.FILLED, cv2.LINE_AA)
    return ink


def corners_of(text: str) -> list[tuple[str, np.ndarray]]:
    """Return the words of a stamp, each with its corners clockwise from the top left, in pixels."""
    found = []
    for match in re.finditer(r"\S+", text):
        left, right = (MARGIN + PITCH * FONT.getlength(text[:end]) for end in match.span())
        top, bottom = MARGIN, MARGIN + PITCH * 11
        found.append((match[0], np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)))
    return found


def photograph(text: str, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
    """Return a picture of a stamp, a little askew and blurred, and its words with their corners there."""
    ink = np.pad(stamp(text, rng), MARGIN)[..., None]
    height, width = ink.shape[:2]
    paper = np.full((height, width, 3), PAPERS[rng.integers(len(PAPERS))], np.float32)
    picture = paper * (1 - ink) + ink * rng.uniform(30, 70)
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(frame, (frame + rng.uniform(-9, 9, frame.shape)).astype(np.float32))
    taken = cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    taken = cv2.GaussianBlur(taken, (0, 0), rng.uniform(0.6, 1.2)) + rng.normal(0, 4, taken.shape)
    words = [(word, cv2.perspectiveTransform(corners[None], matrix)[0]) for word, corners in corners_of(text)]
    return taken.clip(0, 255).astype(np.uint8), words


def main(folder: Path, count: int) -> None:
    """Write `count` pictures and their labels."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        rng = np.random.default_rng(number)
        picture, words = photograph(text_of(rng), rng)
        name = f"images/stamp-{number:04d}.jpg"
        cv2.imwrite(str(folder / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        lines = [{"points": points.round(1).tolist(), "text": word, "ignore": False} for word, points in words]
        rows.append({"image": name, "lines": lines, "granularity": "word", "lang": "en", "source": "drawn"})
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
