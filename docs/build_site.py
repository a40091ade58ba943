"""Builds the documentation: `python docs/build_site.py [FOLDER]`, which `make docs` does. Needs the extra `docs`.

Warnings are errors, and so are links that lead nowhere and anything that a page would fetch from elsewhere.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = ROOT / "site"
FETCHES = {
    ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src"), ("audio", "src"),
    ("link", "href"), ("object", "data"), ("embed", "src"), ("form", "action"),
}  # fmt: skip
"""Attributes by which a page fetches something."""
NO_REQUEST = {"canonical", "edit", "alternate", "prev", "next"}
"""Links in a page's head that nothing is fetched for."""
STYLE_FETCH = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s;]+)""")
ADDRESS = re.compile(r"https?://[^\s\"'`)<>\\]+")
LOADED_FOR = {
    "https://unpkg.com/mermaid": "mermaid",
    "https://unpkg.com/glightbox": "glightbox",
    "https://unpkg.com/pyodide": "pyodide",
    "https://cdn.jsdelivr.net/pyodide": "pyodide",
    "https://unpkg.com/ace-builds": "pyodide",
    "https://api.github.com/": "md-source",
    "https://${e}/api/v4/projects/": "md-source",
}
"""What the theme's scripts fetch, each for pages with elements of this class alone."""
NO_FETCH = ("http://www.w3.org/", "https://fontawesome.com", "https://unpkg.com/resize-observer-polyfill")
"""Names, notes of rights, and what no browser of today lacks."""


class Page(HTMLParser):
    """The places of a page that can be linked to, what it links to and what it fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.classes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        self.classes |= set(given.get("class", "").split())
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if given.get("rel") not in NO_REQUEST:
            self.fetched += [value for name, value in given.items() if (tag, name) in FETCHES]


def list_decisions() -> None:
    """Write the page that lists all decisions, by their titles."""
    rows = []
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# 0123456789.").strip()
        rows.append(f"- [{int(path.name[:4])}. {title}]({path.name})\n")
    text = "# Decisions\n\nWhat was chosen, why, and what was measured; a page each.\n\n" + "".join(rows)
    (DOCS / "decisions" / "index.md").write_text(text, encoding="utf-8")


def problems(site: Path) -> list[str]:
    """Return what is wrong with a built site: dead links, and what anything in it would fetch from elsewhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site)
        found += [f"{name}: fetches {one}" for one in page.fetched if urlsplit(one).netloc]
        for link in page.links + page.fetched:
            if not _leads_somewhere(link, path, site, pages):
                found.append(f"{name}: dead link {link}")
    classes = set().union(*(page.classes for page in pages.values()))
    for path in sorted((*site.rglob("*.css"), *site.rglob("*.js"))):
        found += [f"{path.relative_to(site)}: fetches {one}" for one in _fetched_by(path, classes)]
    return found


def _fetched_by(path: Path, classes: set[str]) -> list[str]:
    """Return the addresses of others that a style sheet or a script fetches on pages with elements of `classes`."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".css":
        return STYLE_FETCH.findall(text)
    spared = (*NO_FETCH, *(start for start, kind in LOADED_FOR.items() if kind not in classes))
    return sorted({one for one in ADDRESS.findall(text) if not one.startswith(spared)})


def _leads_somewhere(link: str, page: Path, site: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True  # of others, who are not asked
    base = site if parts.path.startswith("/") else page.parent
    target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return False
    return not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].places


def main(folder: Path) -> int:
    """Build the site into `folder`; return how many things are wrong."""
    list_decisions()
    shutil.rmtree(SITE, ignore_errors=True)
    zensical = Path(sys.executable).with_name("zensical")
    subprocess.run([zensical, "build", "--strict", "--clean"], cwd=ROOT, check=True)
    (SITE / Path(__file__).name).unlink(missing_ok=True)
    wrong = problems(SITE)
    print("\n".join(wrong) or "no dead link, nothing fetched from elsewhere")
    if folder.resolve() != SITE:
        shutil.copytree(SITE, folder, dirs_exist_ok=True)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1]) if len(sys.argv) > 1 else SITE) else 0)
