"""The documentation builds without a warning; its links lead somewhere, and its pages fetch nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ocr_core.pages.images import FORMATS, MAX_PIXELS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_site", ROOT / "docs/build_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["README.md", "clients/python/README.md"])
def test_links_of_pages_that_are_read_where_they_lie_lead_somewhere(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "docs/index.md"])
def test_what_is_read_is_told_early(name: str) -> None:
    start = " ".join((ROOT / name).read_text().partition("```")[0].split()).replace("WebP", "WEBP")
    assert f"{', '.join(FORMATS)} and PDF" in start
    assert f"up to {MAX_PIXELS // 1_000_000} megapixels" in start
    assert "HEIC" in start


@pytest.mark.skipif(not Path(sys.executable).with_name("zensical").exists(), reason="the extra `docs` is not installed")
def test_the_site_builds(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "docs/build_site.py", tmp_path / "site"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    start = (tmp_path / "site/index.html").read_text()
    assert "Text from pictures" in start
    assert len(list((tmp_path / "site/decisions").glob("0*.html"))) == len(
        list((ROOT / "docs/decisions").glob("0*.md"))
    )


def test_what_styles_and_scripts_fetch_from_elsewhere_is_found(builder: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p class="wide plain">x</p>')
    (tmp_path / "a.css").write_text(
        "@import '//fonts.example/a.css'; p { background: url(data:image/svg+xml;http://www.w3.org/2000/svg) }"
        'b { background: url("https://example.org/b.png") } i { background: url(../c.png) }'
    )
    theme = 'const s="http://www.w3.org/2000/svg";load("https://unpkg.com/mermaid@12/dist/mermaid.min.js");'
    (tmp_path / "b.js").write_text(theme)
    (tmp_path / "c.js").write_text(theme + "fetch(`https://example.org/${id}`)")
    found = [
        "a.css: fetches //fonts.example/a.css",
        "a.css: fetches https://example.org/b.png",
        "c.js: fetches https://example.org/${id}",
    ]
    assert builder.problems(tmp_path) == found
    (tmp_path / "b.html").write_text('<pre class="mermaid">graph</pre>')
    mermaid = "fetches https://unpkg.com/mermaid@12/dist/mermaid.min.js"
    assert builder.problems(tmp_path) == [*found[:2], f"b.js: {mermaid}", found[2], f"c.js: {mermaid}"]


def test_dead_links_and_foreign_requests_are_found(builder: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<link rel="canonical" href="https://example.org/a"><script src="https://example.org/x.js"></script>'
        '<h2 id="here"></h2><a href="#here">x</a><a href="#nowhere">x</a><a href="sub/">x</a>'
        '<a href="sub/b.html#c">x</a>'
        '<a href="gone.html">x</a><a href="https://example.org">x</a><img src="gone.png">'
    )
    (tmp_path / "sub" / "index.html").write_text('<a href="../a.html#here">x</a><a href="/sub/b.html#d">x</a>')
    (tmp_path / "sub" / "b.html").write_text('<p id="c"></p>')
    assert builder.problems(tmp_path) == [
        "a.html: fetches https://example.org/x.js",
        "a.html: dead link #nowhere",
        "a.html: dead link gone.html",
        "a.html: dead link gone.png",
        "sub/index.html: dead link /sub/b.html#d",
    ]
