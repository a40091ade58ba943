"""`ocr read`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.common import (
    BackendOption,
    Images,
    ModelOption,
    StoreOption,
    ThreadsOption,
    image_files,
    opened_engine,
    print_error,
    progress_bar,
)

if TYPE_CHECKING:
    from ocr_core.pipeline.engine import Engine
    from ocr_core.pipeline.result import Page, ReadOptions


@dataclass(frozen=True, slots=True)
class _Result:
    path: Path
    page: Page | Exception


def read(
    images: Images,
    *,
    as_json: Annotated[bool, typer.Option("--json/--text", help="One JSON object a file, or plain lines.")] = False,
    draw: Annotated[
        Path | None, typer.Option(help="Draw the boxes into this image; of several images, into this folder.")
    ] = None,
    detect: Annotated[bool, typer.Option(help="Find lines first; else the whole image is one line.")] = True,
    words: Annotated[bool, typer.Option("--words", help="With --json: words and their boxes.")] = False,
    language: Annotated[bool, typer.Option(help="Settle doubtful words by the model's language model.")] = True,
    min_confidence: Annotated[float, typer.Option(min=0, max=1, help="Leave out lines below this.")] = 0.5,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Print the text of images. Exits with 1 if any of them could not be read."""
    from ocr_core.pipeline.result import ReadOptions
    from service.settings import load_settings

    files = image_files(images)
    settings = load_settings(model=model, model_store=store, backend=backend, threads=threads)
    options = ReadOptions(detect=detect, min_confidence=min_confidence, words=words, language=language)
    if draw and len(files) > 1:
        draw.mkdir(parents=True, exist_ok=True)
    failed = 0
    with opened_engine(settings) as engine, progress_bar(len(files)) as bar:
        task = bar.add_task("reading", total=len(files))
        for result in _read_all(engine, files, options, settings.max_pixels, draw):
            bar.advance(task)
            failed += isinstance(result.page, Exception)
            if isinstance(result.page, Exception):
                print_error(f"{result.path}: {result.page}")
            _print(result, as_json=as_json, headed=len(files) > 1)
    raise typer.Exit(1 if failed else 0)


def _read_all(
    engine: Engine, files: list[Path], options: ReadOptions, max_pixels: int, draw: Path | None
) -> Iterator[_Result]:
    """Read side by side, give in order."""
    from ocr_core.errors import ImageError, OcrError

    def read_one(path: Path) -> _Result:
        try:
            return _Result(path, _read_file(engine, path, options, max_pixels, _target(draw, path, len(files))))
        except OcrError as error:
            return _Result(path, error)
        except OSError as error:
            return _Result(path, ImageError(error.strerror))

    with ThreadPoolExecutor(engine.backend.policy.streams) as pool:
        yield from pool.map(read_one, files)


def _read_file(engine: Engine, path: Path, options: ReadOptions, max_pixels: int, target: Path | None) -> Page:
    from ocr_core.pages.images import decode

    image = decode(path.read_bytes(), max_pixels=max_pixels)
    page = engine.read(image.pixels, options)
    if target is not None:
        import cv2

        from ocr_core.formats.drawing import draw_quads

        suffix = target.suffix.lower() if cv2.haveImageWriter(target.name) else ".png"
        drawn = cv2.imencode(suffix, draw_quads(image.pixels, [line.quad for line in page.lines]))[1]
        target.write_bytes(drawn.tobytes())
    return page


def _target(draw: Path | None, path: Path, count: int) -> Path | None:
    if draw is None or count == 1:
        return draw
    return draw / f"{path.stem}.png"


def _print(result: _Result, *, as_json: bool, headed: bool) -> None:
    from service.http.problems import problem_of
    from service.http.schemas import Page as PageBody

    name, page = str(result.path), result.page
    if as_json:
        body = PageBody(file=name, error=problem_of(page)) if isinstance(page, Exception) else PageBody.of(name, page)
        typer.echo(body.model_dump_json(exclude_none=True))
    elif not isinstance(page, Exception):
        if headed:
            typer.echo(f"==> {name} <==")
        typer.echo(page.text)
