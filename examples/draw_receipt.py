"""Draws `receipt.jpg`, the photograph of the README: `python examples/draw_receipt.py` (needs the extra `trainer`)."""

from __future__ import annotations

from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROWS = [
    ("THE CORNER BAKERY", ""),
    ("12 Station Road", ""),
    ("", ""),
    ("2 x Sourdough", "€ 9.80"),
    ("1 x Apple pie", "€ 4.25"),
    ("3 x Coffee", "€ 8.40"),
    ("", ""),
    ("TOTAL", "€ 22.45"),
    ("CASH", "€ 25.00"),
    ("CHANGE", "€ 2.55"),
    ("", ""),
    ("18/11/2026 08:42  No. 004711", ""),
    ("Thank you & see you soon!", ""),
]


def main() -> None:
    """Print the receipt, lay it on a table and photograph it from above, a little askew."""
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(fonts / "DejaVuSansMono.ttf"), 26)
    paper = Image.new("RGB", (520, 60 + 44 * len(ROWS)), (246, 244, 238))
    draw = ImageDraw.Draw(paper)
    for row, (left, right) in enumerate(ROWS):
        draw.text((36, 40 + 44 * row), left, font=font, fill=(52, 50, 56))
        draw.text((484, 40 + 44 * row), right, font=font, fill=(52, 50, 56), anchor="ra")
    receipt = np.asarray(paper)[..., ::-1]
    height, width = receipt.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = np.array([[62, 48], [588, 26], [612, 664], [44, 684]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, seen)
    table = np.full((720, 660, 3), (58, 84, 112), np.uint8)
    photo = cv2.warpPerspective(receipt, matrix, (660, 720), table, borderMode=cv2.BORDER_TRANSPARENT)
    light = np.linspace(1.0, 0.78, 660)[None, :, None] * np.linspace(1.0, 0.92, 720)[:, None, None]
    noise = np.random.default_rng(1).normal(0, 5, photo.shape)
    photo = cv2.GaussianBlur(photo * light + noise, (0, 0), 0.7).clip(0, 255).astype(np.uint8)
    here = Path(__file__)
    # The page of the service has its own: links are no files in archives, on Windows, or to `ocr mcp examples`.
    for target in (here.with_name("receipt.jpg"), here.parents[1] / "service/page/static/receipt.jpg"):
        cv2.imwrite(str(target), photo, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
