"""Files of jobs in a folder, in memory and on S3 (moto's server); pages as they are kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_server import s3_served

from ocr_core.pipeline.result import Line, Page, Word
from service.engine.image_job import Reading
from service.errors import JobFilesLostError, JobStoreError
from service.jobs.files import JobFiles
from service.jobs.pages import dump_page, load_page

JOB = "0" * 32


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_served() as fs:
        fs.mkdir("jobs")
        yield "s3://jobs/below"


@pytest.fixture(params=["folder", "memory", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> JobFiles:
    if request.param == "s3":
        return JobFiles(request.getfixturevalue("s3"))
    return JobFiles(str(tmp_path / "files") if request.param == "folder" else "memory://jobs")


def test_what_is_kept_is_found_until_the_job_is_removed(files: JobFiles) -> None:
    files.put_uploads(JOB, [b"first", b""])
    name = files.put_page(JOB, 7, b"page")
    assert (files.upload(JOB, 0), files.upload(JOB, 1), files.page(JOB, name)) == (b"first", b"", b"page")
    assert files.put_page(JOB, 7, b"page") != name  # two workers never write the same file
    files.remove(JOB)
    files.remove(JOB)
    for read in (lambda: files.upload(JOB, 0), lambda: files.page(JOB, name)):
        with pytest.raises(JobFilesLostError):
            read()


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "files").write_bytes(b"")
    with pytest.raises(JobStoreError):
        JobFiles(str(tmp_path / "files")).put_uploads(JOB, [b"first"])


def test_nobody_else_reads_uploads(tmp_path: Path) -> None:
    JobFiles(str(tmp_path / "files")).put_uploads(JOB, [b"first"])
    assert (tmp_path / "files" / JOB).stat().st_mode & 0o077 == 0


GZIPPED = gzip.compress(b"no JSON")
LATER = gzip.compress(b'{"lines": [], "sources": [], "seconds": {}, "width": 5, "height": 6, "later": 1}')
LINE = gzip.compress(b'{"lines": [{"text": "x"}], "sources": ["ocr"], "seconds": {}, "width": 5, "height": 6}')
LIST = gzip.compress(b"[]")
TEXTS = st.text(st.characters(codec=None), max_size=8)
CONFIDENCES = st.floats(0, 1)
QUADS = st.lists(st.floats(-1e5, 1e5, width=32), min_size=8, max_size=8).map(
    lambda numbers: np.array(numbers, np.float32).reshape(4, 2)
)
WORDS = st.builds(Word, text=TEXTS, confidence=CONFIDENCES, quad=QUADS)
LINES = st.builds(
    Line,
    text=TEXTS,
    confidence=CONFIDENCES,
    quad=QUADS,
    words=st.lists(WORDS, max_size=2).map(tuple),
    source=st.sampled_from(["ocr", "embedded"]),
    typed=TEXTS,
    space=st.floats(0, 100),
)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:50],
        lambda data: b"garbage",
        lambda _: GZIPPED,
        lambda _: LATER,
        lambda _: LINE,
        lambda _: LIST,
    ],
)
def test_a_damaged_page_is_as_good_as_lost(damage: Callable[[bytes], bytes]) -> None:
    kept = dump_page(Reading(Page(width=5, height=6, rotation=0, lines=(), number=1, source="ocr", dpi=None), {}))
    with pytest.raises(JobFilesLostError):
        load_page(damage(kept), words=True)


def test_a_page_that_an_earlier_release_kept_is_read() -> None:
    """It did not tell which lines are typed."""
    line = Line(text="x", confidence=1.0, quad=np.zeros((4, 2), np.float32))
    kept = dump_page(Reading(Page(width=5, height=6, rotation=0, lines=(line,)), {}))
    old = json.loads(gzip.decompress(kept))
    del old["typed"]
    assert repr(load_page(gzip.compress(json.dumps(old).encode()), words=True).page.lines) == repr((line,))


@given(st.lists(LINES, max_size=3), st.none() | st.floats(1, 1000), st.sampled_from(["ocr", "embedded"]))
def test_nothing_of_a_page_is_lost(lines: list[Line], dpi: float | None, source: str) -> None:
    page = Page(width=5, height=6, rotation=90, lines=tuple(lines), number=3, source=source, dpi=dpi)
    found = load_page(dump_page(Reading(page, {"det": 0.25})), words=True)
    assert found.seconds == {"det": 0.25}
    assert repr(found.page) == repr(page)
    assert all(line.words == () for line in load_page(dump_page(Reading(page, {})), words=False).page.lines)
