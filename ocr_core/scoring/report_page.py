"""An evaluation as one page of HTML, nothing beside it: figures, failures, and the worst lines as pictures."""

from __future__ import annotations

import base64
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np

from ocr_core.scoring.datasets import LabelledSet, Region
from ocr_core.scoring.evaluate import Reader, Report
from ocr_core.scoring.mistakes import Mistake, cut, mistakes

TALLEST, WIDEST = 120, 1200
"""Pixels of a picture at most; larger ones are shrunk, so that pages stay small."""
QUALITY = 85

MEANING = {
    "word_f1": "words found and right, wherever they stand; case ignored",
    "char_f1": "the same of characters, without white space",
    "det_h": "boxes that lie where the labels do (IoU over 0.5)",
    "e2e_h": "boxes that do, with the right text in them",
    "order": "neighbouring words that stayed neighbours",
    "acc": "crops whose letters and digits are right; case ignored",
    "acc_full": "crops that are right in every character",
}

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c62828; --good: #2e7d32; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #a5d6a7; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td.number { font-variant-numeric: tabular-nums; text-align: right; }
figure { margin: 0; padding: .7rem 0; border-bottom: 1px solid var(--line); }
img { display: block; max-width: 100%; background: #fff; }
dl { display: grid; grid-template-columns: 4rem 1fr; gap: 0 .5rem; margin: .4rem 0; }
dt, .from { opacity: .7; }
dd { margin: 0; font-family: ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
del, ins { text-decoration: underline; text-underline-offset: 3px; }
del { color: var(--bad); }
ins { color: var(--good); }
.from { font-size: .85em; }
"""


class Remembering:
    """A reader that hands on what another one reads and keeps it, so that mistakes are found without reading twice."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pages: dict[Path, Sequence[Region]] = {}
        self._crops: dict[Path, str] = {}

    def page(self, image: Path) -> Sequence[Region]:
        """Return the lines of a page; none, when it is asked for again, of one that failed."""
        if image not in self._pages:
            self._pages[image] = ()
            self._pages[image] = self._reader.page(image)
        return self._pages[image]

    def crop(self, image: Path) -> str:
        """Return the text of an image that is one line; none, when it is asked for again, of one that failed."""
        if image not in self._crops:
            self._crops[image] = ""
            self._crops[image] = self._reader.crop(image)
        return self._crops[image]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """A set, how well it was read, and what of it was read worst."""

    report: Report
    wrong: int
    """Lines, words or crops that were read wrongly."""
    unread: int
    """Of them those of which nothing was read."""
    worst: tuple[Mistake, ...]


def look_at_worst(dataset: LabelledSet, report: Report, reader: Reader, count: int) -> Evaluated:
    """Find the `count` lines of a set that were read worst, by edit distance. `reader` gives what was read."""
    # They have a list of their own. Names of files may hold colons too.
    failed = {failure[: colon.start()] for failure in report.failures for colon in re.finditer(":", failure)}
    found = [mistake for mistake in mistakes(dataset, reader) if mistake.image.name not in failed]
    found.sort(key=lambda mistake: -mistake.distance)
    unread = sum(not mistake.found for mistake in found)
    return Evaluated(report=report, wrong=len(found), unread=unread, worst=tuple(found[:count]))


def report_page(title: str, facts: Mapping[str, str], sets: Sequence[Evaluated]) -> str:
    """Return the page.

    Args:
        title: its heading.
        facts: what was evaluated and where, for the table at the top.
        sets: what to show, in this order.
    """
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width">\n',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            "style-src 'unsafe-inline'\">\n",
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n",
            _table(([name, value] for name, value in facts.items()), head=()),
            _figures([each.report for each in sets]),
            *(_set(each) for each in sets),
        ]
    )


def _figures(reports: Sequence[Report]) -> str:
    names = [name for name in MEANING if any(name in report.figures for report in reports)]
    rows = (
        [
            report.dataset,
            str(report.images),
            *(f"{report.figures[name]:.4f}" if name in report.figures else "–" for name in names),
            f"{report.seconds:.3f}",
        ]
        for report in reports
    )
    table = _table(rows, head=("set", "images", *names, "s/image"))
    meanings = _table(([name, MEANING[name]] for name in names), head=())
    return f"<h2>Figures</h2>\n{table}<p></p>{meanings}"


def _set(each: Evaluated) -> str:
    failures = "".join(f"<li>{escape(failure)}</li>" for failure in each.report.failures)
    return "".join(
        [
            f"<h2>{escape(each.report.dataset)}</h2>\n",
            f"<p>{each.wrong} read wrongly; of {each.unread} of these nothing was read. ",
            f"The worst {len(each.worst)}:</p>\n" if each.worst else "</p>\n",
            f"<p>Could not be read:</p><ul>{failures}</ul>\n" if failures else "",
            *(_mistake(mistake) for mistake in each.worst),
        ]
    )


def _mistake(mistake: Mistake) -> str:
    truth, found = _marked(mistake.label, mistake.found)
    return (
        f'<figure><img alt="{escape(mistake.label)}" src="data:image/jpeg;base64,{_picture(mistake)}">'
        f"<dl><dt>truth</dt><dd>{truth}</dd><dt>read</dt><dd>{found or '<del>(nothing)</del>'}</dd></dl>"
        f'<span class="from">{escape(mistake.image.name)}, edit distance {mistake.distance}</span></figure>\n'
    )


def _marked(label: str, found: str) -> tuple[str, str]:
    """Return both texts as HTML, with what differs marked."""
    truth, read = [], []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, label, found, autojunk=False).get_opcodes():
        same = kind == "equal"
        truth.append(escape(label[i:j]) if same or i == j else f"<ins>{escape(label[i:j])}</ins>")
        read.append(escape(found[k:m]) if same or k == m else f"<del>{escape(found[k:m])}</del>")
    return "".join(truth), "".join(read)


def _picture(mistake: Mistake) -> str:
    pixels = cut(mistake)
    height, width = pixels.shape[:2]
    scale = min(1.0, TALLEST / height, WIDEST / width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return base64.b64encode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()).decode()


def _table(rows: Iterable[Sequence[str]], *, head: Sequence[str]) -> str:
    top = f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>\n" if head else ""
    kind = ' class="number"' if head else ""
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td{kind}>{escape(cell)}</td>' for cell in row[1:])}</tr>\n"
        for row in rows
    )
    return f"<table>\n{top}{body}</table>\n"
