"""From a configuration to a folder that holds all that it reads."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocr_core.charset import Charset
from ocr_core.scoring.datasets import PageSet
from trainer.config import AnyRun, DetectorRun, LabelledSource, RenderedLinesSource, RenderedPagesSource
from trainer.config.data import PdfSource
from trainer.data.readers import read_source
from trainer.data.rendered import font_library, photographs
from trainer.errors import ConfigError
from trainer.pack.fonts import pack_fonts
from trainer.pack.labelled import pack_lines, pack_pages, pack_surfaces
from trainer.render.pdf import FOLDERS
from trainer.render.texts import write_texts

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ocr_core", "trainer")
FONTS, TEXTS, SURFACES, PDFS = "fonts", "texts.json.gz", "surfaces", "pdfs"
README = """# A training run, packed

{install}    PYTHONPATH=code:site timeout --preserve-status -s TERM 570 \\
        python3 -m trainer train {name}.json --data data --run run{init}

The run may be started again and again: it ends with 75 while there is more to do, and goes on where it stopped.
"""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is taken along."""

    megabytes: float = 60.0
    """Of the whole folder, at most."""
    fonts: int = 400
    """Faces."""
    text_bytes: int = 1_000_000
    """Of English words and of English text, each."""
    lines: int = 1000
    """Of each labelled set that lines are read from."""
    pages: int = 200
    """Of each labelled set that pages are read from."""
    surfaces: int = 400
    """Parts of photographs without text."""
    pdf_bytes: int = 6_000_000
    """Of each folder of PDFs: the smallest files first."""


@dataclass
class _Pack:
    """The folder while it is filled; what two sources share is packed once."""

    config: AnyRun
    root: Path
    out: Path
    limits: Limits
    done: dict[str, str] = field(default_factory=dict)

    @property
    def charset(self) -> Charset:
        """Of a recognizer or classifier; a detector's pages are drawn in their own characters."""
        return Charset(self.config.characters) if not isinstance(self.config, DetectorRun) else Charset.latin()

    def source(self, source: Any) -> dict[str, Any]:
        """Pack what a source reads and return the source that reads it there."""
        if isinstance(source, LabelledSource):
            return self._labelled(source)
        if isinstance(source, PdfSource):
            return source.model_dump() | {"folder": self._pdfs(source.folder)}
        return self._rendered(source)

    def _labelled(self, source: LabelledSource) -> dict[str, Any]:
        part = f"-{source.skip}-{source.limit}" if source.skip or source.limit else ""
        name = f"{source.path.replace('/', '-')}-{source.rows}{part}{'-recut' if source.recut else ''}"
        if name not in self.done:
            rows, out = read_source(source, self.root), self.out / name
            if not isinstance(self.config, DetectorRun):
                grey = not hasattr(self.config, "net") or self.config.net.grey
                count = pack_lines(rows, self.charset, self.limits.lines, out, recut=source.recut, grey=grey)
            elif isinstance(rows, PageSet):
                count = pack_pages(rows, self.limits.pages, out)
            else:
                raise ConfigError(f"{source.path} holds lines, not pages")
            self.done[name] = name
            log.info("%s: %d", name, count)
        packed = {"kind": "labels", "path": name, "rows": "all", "skip": 0, "limit": 0, "maps": ""}
        return source.model_dump() | packed

    def _rendered(self, source: RenderedLinesSource | RenderedPagesSource) -> dict[str, Any]:
        characters = frozenset(getattr(source, "characters", "".join(self.charset.entries)))
        if FONTS not in self.done:
            count = pack_fonts(font_library(source, self.root).faces, characters, self.limits.fonts, self.out / FONTS)
            entries = write_texts(self.out / TEXTS, characters, self.limits.text_bytes)
            log.info("%d fonts, %d words and paragraphs", count, entries)
            self.done[FONTS] = FONTS
        surfaces = photographs(source, self.root)
        if surfaces and SURFACES not in self.done:
            self.done[SURFACES] = SURFACES
            pack_surfaces(surfaces[:: -(-len(surfaces) // self.limits.surfaces)], self.out / SURFACES)
        packed = {"fonts": FONTS, "texts": TEXTS, "photographs": SURFACES if surfaces else ""}
        return source.model_dump() | packed

    def _pdfs(self, folder: str) -> str:
        name = f"{PDFS}-{folder.replace('/', '-') or 'installed'}"
        if name not in self.done:
            self.done[name] = name
            (self.out / name).mkdir(parents=True)
            for path in _smallest([self.root / folder] if folder else FOLDERS, self.limits.pdf_bytes):
                shutil.copyfile(path, self.out / name / path.name)
        return name


def write_pack(
    config: AnyRun, root: Path, out: Path, limits: Limits, init: Path | None = None, wheels: Sequence[Path] = ()
) -> int:
    """Write everything that training `config` needs into a new folder `out` and return its size in bytes.

    Args:
        config: what is to be trained there.
        root: folder that its data lies below.
        out: the folder, which must not exist.
        limits: how much is taken along.
        init: state to start from.
        wheels: Python packages that are missing there.

    Raises:
        ConfigError: `out` exists, a source cannot be read, or the folder becomes larger than it may.
    """
    if out.exists():
        raise ConfigError(f"{out} exists")
    pack = _Pack(config, root, out / "data", limits)
    pack.out.mkdir(parents=True)
    table = config.model_dump(mode="json")
    for name in ("train", "validate_on"):
        table["data"][name] = [pack.source(source) for source in getattr(config.data, name)]
    table["compute"]["report"] = False  # of pictures, which need matplotlib
    (out / f"{config.name}.json").write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, out / "code" / package, ignore=shutil.ignore_patterns("__pycache__"))
    (out / "wheels").mkdir()
    for wheel in wheels:
        shutil.copy(wheel, out / "wheels")
    if init is not None:
        shutil.copyfile(init, out / "init.safetensors")
    # Without their dependencies: pip looks into the new folder alone, and would not find those that the machine has.
    install = "    python3 -m pip install --no-index --no-deps --target site wheels/*.whl\n" if wheels else ""
    start = " --init init.safetensors" if init else ""
    (out / "README.md").write_text(README.format(name=config.name, install=install, init=start), "utf-8")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    if size > limits.megabytes * 1e6:
        raise ConfigError(
            f"{out} has {size / 1e6:.0f} MB, more than {limits.megabytes:.0f}:"
            " take less along (--lines, --pages, --fonts, --wheels)"
        )
    return size


def _smallest(folders: Sequence[Path], size: int) -> Iterator[Path]:
    """Yield the PDFs below the folders, the smallest first, that have `size` bytes together; each name once."""
    found = {path.name: path for folder in folders for path in sorted(folder.rglob("*.pdf*")) if path.is_file()}
    for path in sorted(found.values(), key=lambda path: (path.stat().st_size, path.name)):
        size -= path.stat().st_size
        if size < 0:
            return
        yield path
