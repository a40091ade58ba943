"""From a configuration to a folder that holds all that it reads."""

from __future__ import annotations

import itertools
import json
import logging
import math
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ocr_core.charset import Charset
from ocr_core.scoring.datasets import PageSet
from trainer.checkpoint import read_tensors
from trainer.config import AnyRun, DetectorRun, LabelledSource, RenderedLinesSource, RenderedPagesSource
from trainer.config.data import PdfSource
from trainer.data.readers import read_source
from trainer.data.rendered import font_library, photographs
from trainer.errors import ConfigError
from trainer.pack.fonts import pack_fonts
from trainer.pack.labelled import pack_lines, pack_pages, pack_surfaces
from trainer.render.pdf import FOLDERS, pdf_files
from trainer.render.texts import write_texts
from trainer.tasks.detection import MAPS

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

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < math.inf:
                raise ConfigError(f"{name.replace('_', ' ')} of a pack must be above 0, not {value}")


@dataclass
class _Pack:
    """The folder while it is filled; what two sources share is packed once."""

    config: AnyRun
    root: Path
    out: Path
    limits: Limits
    done: dict[tuple[object, ...], str] = field(default_factory=dict)

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

    def _once(self, what: tuple[object, ...], wanted: str, write: Callable[[Path], int]) -> str:
        """Write `what`, if it is not there yet, under the name `wanted` or, if that is another's, one that is free."""
        if what not in self.done:
            names = itertools.chain([wanted], (f"{wanted}-{number}" for number in itertools.count(2)))
            name = next(name for name in names if name not in self.done.values())
            self.done[what] = name
            log.info("%s: %d", name, write(self.out / name))
        return self.done[what]

    def _labelled(self, source: LabelledSource) -> dict[str, Any]:
        part = f"-{source.skip}-{source.limit}" if source.skip or source.limit else ""
        wanted = f"{source.path.replace('/', '-')}-{source.rows}{part}{'-recut' if source.recut else ''}"
        what = (source.kind, source.path, source.rows, source.skip, source.limit, source.recut)
        name = self._once(what, wanted, lambda out: self._write_labelled(source, out))
        packed = {"kind": "labels", "path": name, "rows": "all", "skip": 0, "limit": 0, "maps": ""}
        return source.model_dump() | packed

    def _write_labelled(self, source: LabelledSource, out: Path) -> int:
        rows = read_source(source, self.root)
        if not isinstance(self.config, DetectorRun):
            grey = not hasattr(self.config, "net") or self.config.net.grey
            count = pack_lines(rows, self.charset, self.limits.lines, out, recut=source.recut, grey=grey)
        elif isinstance(rows, PageSet):
            count = pack_pages(rows, self.limits.pages, out)
        else:
            raise ConfigError(f"{source.path} holds lines, not pages")
        if not count:
            raise ConfigError(f"{source.path}: no image of it can be packed")
        return count

    def _rendered(self, source: RenderedLinesSource | RenderedPagesSource) -> dict[str, Any]:
        characters = frozenset(getattr(source, "characters", "".join(self.charset.entries)))

        def write_fonts(out: Path) -> int:
            return pack_fonts(font_library(source, self.root).faces, characters, self.limits.fonts, out)

        fonts = self._once((FONTS, source.fonts, source.font, characters), FONTS, write_fonts)
        texts = self._once((TEXTS, characters), TEXTS, lambda out: write_texts(out, characters, self.limits.text_bytes))
        surfaces, shown = photographs(source, self.root), ""
        if surfaces:
            some = surfaces[:: -(-len(surfaces) // self.limits.surfaces)]
            shown = self._once((SURFACES, source.photographs), SURFACES, lambda out: pack_surfaces(some, out))
        return source.model_dump() | {"fonts": fonts, "texts": texts, "photographs": shown}

    def _pdfs(self, folder: str) -> str:
        return self._once(
            (PDFS, folder),
            f"{PDFS}-{folder.replace('/', '-') or 'installed'}",
            lambda out: _copy_pdfs([self.root / folder] if folder else FOLDERS, self.limits.pdf_bytes, out),
        )


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
        ConfigError: `out` exists or cannot be written, a source or `init` cannot be read, the teacher is maps, or the
            folder becomes larger than it may.
    """
    if isinstance(config, DetectorRun) and config.method.teacher == MAPS:
        raise ConfigError(f"a pack takes no teacher's maps along: method.teacher = '{MAPS}' cannot be trained from one")
    if init is not None:
        read_tensors(init)
    try:
        # Renamed at the end: what ends early leaves no folder that looks like a pack and keeps the next from its name.
        aside = _new(_new(out).with_name(f"{out.name}.partial"))
        with _removed_unless_renamed(aside):
            _fill(config, root, aside, limits, init, wheels)
            size = sum(path.stat().st_size for path in aside.rglob("*") if path.is_file())
            if size > limits.megabytes * 1e6:
                raise ConfigError(
                    f"{out} would have {size / 1e6:.0f} MB, more than {limits.megabytes:.0f}:"
                    " take less along (--lines, --pages, --fonts, --wheels)"
                )
            aside.rename(out)
    except OSError as error:
        reason = error.args[0][0][-1] if isinstance(error, shutil.Error) else error  # copytree's have one for each file
        raise ConfigError(f"{out} cannot be written: {reason}") from error
    return size


def wheels_in(folder: Path) -> list[Path]:
    """Return the wheels of a folder.

    Raises:
        ConfigError: there are none.
    """
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise ConfigError(f"{folder} holds no wheels (*.whl)")
    return wheels


def _new(path: Path) -> Path:
    if path.exists() or path.is_symlink():
        raise ConfigError(f"{path} exists")
    return path


@contextmanager
def _removed_unless_renamed(folder: Path) -> Iterator[None]:
    """Make a folder and remove it where the block ends before it is renamed, by SIGTERM or a lost terminal too."""
    previous = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        folder.mkdir(parents=True)
        try:
            yield
        finally:
            for number in previous:  # a second one must not end the removal
                signal.signal(number, signal.SIG_IGN)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


def _fill(config: AnyRun, root: Path, out: Path, limits: Limits, init: Path | None, wheels: Sequence[Path]) -> None:
    pack = _Pack(config, root, out / "data", limits)
    pack.out.mkdir()
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


def _copy_pdfs(folders: Sequence[Path], size: int, out: Path) -> int:
    """Copy the PDFs below the folders, the smallest first, that have `size` bytes together; return how many.

    Each keeps its place below its folder: files in two of them may have one name.
    """
    places = {path.relative_to(folder): path for folder in folders for path in pdf_files([folder])}
    sizes = {place: path.stat().st_size for place, path in places.items()}
    copied = 0
    for place in sorted(filter(sizes.get, places), key=lambda place: (sizes[place], place)):
        size -= sizes[place]
        if size < 0:
            break
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(places[place], out / place)
        copied += 1
    if not copied:
        raise ConfigError(f"no PDF below {', '.join(map(str, folders))} that can be packed")
    return copied
