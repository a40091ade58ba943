"""`trainer smoke`: the whole way from nothing to a served model, in minutes.

A tiny detector by CML with CopyPaste and a tiny recognizer by U-DML with Enhanced CTC learn the digits of one font from
rendered pages, side by side on a core each, are exported, gated and published as `smoke`; then a service on that store
reads pages never seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2

from ocr_core.bundle.store import open_store
from ocr_core.scoring.datasets import Region
from ocr_core.scoring.scorers import PageScorer
from trainer.config import AnyRun, load_config, load_publish_config
from trainer.data.page_sources import open_pages
from trainer.data.problems import Problems
from trainer.errors import GateError
from trainer.release.gate import Scores
from trainer.release.publish import publish
from trainer.run.train import Start, train
from trainer.teach.collect_centers import centers_of

CONFIGS = Path(__file__).parents[1] / "configs" / "smoke"
UNSEEN_SEED = 2**60
PAGES = 8
STATE = "state.safetensors"
CENTER_BATCHES = 16
LEAST = 0.8
"""Char F1 that the service must reach."""
START_SECONDS = 60


Say = Callable[[str], None]


def smoke(work: Path | None = None, seed: int = 0) -> None:
    """Train, publish and serve below `work`, or in a temporary folder; `seed` is added to those of the configurations.

    Raises:
        GateError: the models, or the service that serves them, read too little.
    """
    with contextlib.ExitStack() as stack:
        folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        say = partial(_say, time.time())
        # Networks this small gain nothing by a second core. Two processes do: neither waits for the other.
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            for training in [pool.submit(kind, folder, seed, say) for kind in (_train_detector, _train_recognizer)]:
                training.result()
        publication = load_publish_config(CONFIGS / "publish.toml")
        published = publish(publication, open_store(folder / "store"), Path(), folder)
        say(f"{published.bundle.ref} published: {_shown(published.scores)}; in torch {_shown(published.compared)}")
        with serve(folder / "store", publication.name, folder / "service.log") as url:
            value = char_f1(url)
        say(f"served: char F1 {value:.4f} on {PAGES} unseen pages")
        if value < LEAST:
            raise GateError(f"the service reads unseen pages with char F1 {value:.4f}, below {LEAST}")


def _say(started: float, what: str) -> None:
    print(f"[{time.time() - started:5.1f} s] {what}", flush=True)


def _train_detector(folder: Path, seed: int, say: Say) -> None:
    teacher = folder / "det-teacher" / STATE
    _train("det-teacher", folder, seed)
    say("teacher trained")
    _train("det", folder, seed, f"method.teacher={teacher}", init=teacher)
    say("detector trained by CML with CopyPaste")


def _train_recognizer(folder: Path, seed: int, say: Say) -> None:
    plain = folder / "rec-plain"
    centers = plain / "centers.safetensors"
    config = _train("rec-plain", folder, seed)
    say("recognizer trained")
    centers_of(config, plain / STATE, Path(), centers, CENTER_BATCHES)
    _train("rec", folder, seed, f"method.centers={centers}", init=plain / STATE)
    say("recognizer trained by U-DML with Enhanced CTC")


def _train(name: str, folder: Path, seed: int, *overrides: str, init: Path | None = None) -> AnyRun:
    path = CONFIGS / f"{name}.toml"
    config = load_config(path, [*overrides, f"seed={load_config(path).seed + seed}"])
    shutil.rmtree(folder / name, ignore_errors=True)
    train(config, folder / name, Path(), Start(init))
    return config


def _shown(scores: Scores) -> str:
    return ", ".join(f"{score.metric} {score.value:.4f}" for score in scores)


@contextlib.contextmanager
def serve(store: Path, name: str, log: Path) -> Iterator[str]:
    """Run the service on a free port while the block runs, its log in a file; gives its address.

    Raises:
        GateError: it does not become ready.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"OCR_MODEL_STORE": str(store), "OCR_MODEL": name, "OCR_HOST": "127.0.0.1", "OCR_PORT": str(port)}
    # The service is another program: the two packages share files and never import each other.
    command = [str(Path(sys.executable).with_name("ocr")), "serve"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=file, stderr=file)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(process, f"{url}/readyz", log)
            yield url
        finally:
            process.terminate()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(5 * START_SECONDS):
        if process.poll() is not None:
            raise GateError(f"the service ended with {process.returncode} while it started:\n{log.read_text()}")
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise GateError(f"the service was not ready after {START_SECONDS} s")


def char_f1(url: str) -> float:
    """Read pages that no run has seen through the service at `url`, and return the characters' F1."""
    source = load_publish_config(CONFIGS / "publish.toml").validate_on[0]
    pages = open_pages(source, Path(), UNSEEN_SEED, Problems())
    scorer = PageScorer(by_line=True)
    for index in range(PAGES):
        page = pages.page(index)
        assert page is not None  # rendered, not read from a file
        labels = [
            Region(Region.of(polygon, "").points, text, skip)
            for polygon, text, skip in zip(page.polygons, page.texts, page.ignore, strict=True)
        ]
        scorer.add(labels, _read(url, cv2.imencode(".png", page.pixels)[1].tobytes()))
    return scorer.figures()["char_f1"]


def _read(url: str, image: bytes) -> list[Region]:
    request = urllib.request.Request(f"{url}/v1/ocr", image, {"Content-Type": "image/png"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = json.load(answer)["pages"][0]["lines"]
    return [Region(tuple(map(tuple, line["polygon"])), line["text"]) for line in lines]
