"""`make docker-test`: builds the images and runs them as people would, on a machine with a Docker engine.

Needs no image but the base: Prometheus comes from the distribution's package, Grafana is left out.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from dashboard import queries
from engine import BASE, ROOT, compose_command, docker, ensure_base, get, post, run, say, torch_wheels, until
from load import Load

IMAGE = (ROOT / "examples/receipt.jpg").read_bytes()
WORDS = "THE CORNER BAKERY"
FILES = ("-f", "docker-compose.yml", "-f", "tests/deploy/compose.test.yml")
MOST_BYTES = 300e6
LOAD_SECONDS = 75
CLIENTS = 12
EXPECTED = {200, 415, 422, 429, 503, 504}
"""Answers that the load may get: also to broken files, and to clients that do not wait."""

POST_FROM_INSIDE = """
import json, sys, urllib.request
kind = {"Content-Type": "image/jpeg"}
request = urllib.request.Request("http://127.0.0.1:8000/v1/ocr", sys.stdin.buffer.read(), kind)
print(json.dumps([line["text"] for line in json.load(urllib.request.urlopen(request))["pages"][0]["lines"]]))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def compose(*arguments: str, profile: str = "", quiet: bool = True) -> str:
    profiles = ("--profile", profile) if profile else ()
    return run(*compose_command(), *FILES, *profiles, *arguments, quiet=quiet)


def build() -> None:
    """Build all images, and look at the service's size."""
    ensure_base()
    with torch_wheels() as variables:
        os.environ.update(variables)
        compose("build", "fill", "prometheus")
        say("service and Prometheus built")
        compose("build", "train-detector", profile="train")
        say("trainer built")
    saved = subprocess.Popen(["docker", "save", f"ocr-service:{os.environ['OCR_VERSION']}-cpu"], stdout=subprocess.PIPE)
    packed = subprocess.run("gzip | wc -c", shell=True, stdin=saved.stdout, capture_output=True, check=True)
    size = int(packed.stdout)
    say(f"service image: {size / 1e6:.1f} MB compressed, base included")
    assert size <= MOST_BYTES


def drawable() -> None:
    """See that apt would install all that the trainer's image draws with; the smoke test needs none of it."""
    names = "grep -hoE '^[a-z0-9.+-]+' /render/fonts.txt /render/corpora.txt"
    install = (
        f"apt-get update -qq && {names} | xargs apt-get install --simulate --no-install-recommends | grep -c ^Inst"
    )
    where = ["--network", os.environ.get("BUILD_NETWORK", "default"), "--volume", f"{ROOT}/trainer/render:/render:ro"]
    count = docker("run", "--rm", *where, BASE, "bash", "-o", "pipefail", "-c", install).splitlines()[-1]
    say(f"fonts.txt and corpora.txt: {count} packages, with what they need, can be installed")


def confined() -> None:
    """Serve with nothing: no network, no writing, no rights."""
    limits = ["--network", "none", "--read-only", "--user", "10001", "--cap-drop", "ALL"]
    limits += ["--security-opt", "no-new-privileges"]
    container = docker("run", "--detach", *limits, f"ocr-service:{os.environ['OCR_VERSION']}-cpu")
    try:
        until("ready", lambda: _healthy(container), 240)
        seconds = _seconds_to_ready(container)
        cold = _rss(container)
        command = ["exec", "--interactive", container, "python", "-c", POST_FROM_INSIDE]
        lines = docker(*command, input=IMAGE)
        assert WORDS in lines, lines
        say(f"--network none --read-only --user 10001 --cap-drop ALL: ready after {seconds:.2f} s, reads {lines[:60]}…")
        say(f"RSS {cold:.0f} MB when ready, {_rss(container):.0f} MB after the first page")
        started = time.monotonic()
        docker("stop", "--time", "45", container)
        code = docker("inspect", "--format", "{{.State.ExitCode}}", container)
        say(f"stopped in {time.monotonic() - started:.1f} s with exit code {code}")
        assert code == "0", code
    finally:
        docker("rm", "--force", container)


def _healthy(container: str) -> bool | None:
    state = docker("inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", container)
    assert state.startswith("running"), docker("logs", container)
    return True if state.endswith(" healthy") else None


def _seconds_to_ready(container: str) -> float:
    """Return the seconds from the start of the process to the line of the log that says so."""
    started = docker("inspect", "--format", "{{.State.StartedAt}}", container)
    ready = next(line for line in docker("logs", "--timestamps", container).splitlines() if '"ready' in line)
    return (_time(ready.split(" ", 1)[0]) - _time(started)).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")


def _rss(container: str) -> float:
    status = docker("exec", container, "cat", "/proc/1/status")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def monitored(url: str, prometheus: str) -> None:
    """Compose up, read an image, and wait until Prometheus knows."""
    compose("up", "--detach", "ocr", "prometheus")
    until("ready", lambda: get(f"{url}/readyz"), 240)
    model = get(f"{url}/version")["model"]
    answer = post(url, IMAGE)
    assert answer["pages"][0]["lines"][0]["text"] == WORDS
    say(f"compose up: {model['name']}@{model['version']} reads {len(answer['pages'][0]['lines'])} lines")
    query = 'sum(ocr_requests_total{endpoint="/v1/ocr", code="200"})'
    value = until("scraped", lambda: _value(prometheus, query, lambda value: value >= 1), 60)
    say(f"Prometheus: {query} = {value:g}")


def _value(prometheus: str, query: str, wanted: Callable[[float], bool]) -> float | None:
    result = get(f"{prometheus}/api/v1/query", query=query)["data"]["result"]
    value = float(result[0]["value"][1]) if result else 0.0
    return value if wanted(value) else None


def trained(url: str) -> None:
    """Train by the profile; the service serves what is published, by a new start and then without."""
    compose("up", "--detach", "publish", profile="train")
    publisher = compose("ps", "--quiet", "publish", profile="train").splitlines()[-1]
    code = docker("wait", publisher)
    log = docker("logs", publisher)
    assert code == "0", log
    say("train profile: " + next(line for line in log.splitlines() if line.startswith("published")))
    os.environ["OCR_MODEL"] = "smoke"
    compose("up", "--detach", "--no-build", "ocr")
    first = until("served", lambda: _served(url, lambda model: model["name"] == "smoke"), 240)
    say(f"OCR_MODEL=smoke: serves smoke@{first}")
    compose("run", "--rm", "--no-deps", "publish", profile="train")
    second = until("taken up", lambda: _served(url, lambda model: model["version"] != first), 240)
    answer = post(url, IMAGE)
    assert answer["model"]["version"] == second
    say(f"published again: serves smoke@{second} without a new start")
    compose("run", "--rm", "fill", "ocr", "models", "use", f"smoke@{first}", "--store", "/store")
    until("taken back", lambda: _served(url, lambda model: model["version"] == first), 60)
    say(f"gone back as the runbook says: serves smoke@{first}")


def _served(url: str, wanted: Callable[[dict[str, Any]], bool]) -> str | None:
    model = get(f"{url}/version")["model"]
    return model["version"] if model and wanted(model) else None


def panels(url: str, prometheus: str) -> None:
    """Put load on the service, and ask Prometheus what every panel of the dashboard asks."""
    load = Load(url, IMAGE, CLIENTS)
    load.run(LOAD_SECONDS)
    answers = ", ".join(f"{count}×{code}" for code, count in sorted(load.codes.items()))
    say(f"{CLIENTS} clients for {LOAD_SECONDS} s: {answers}")
    assert set(load.codes) <= EXPECTED
    assert load.codes[200]
    assert load.codes[429] + load.codes[504]  # clients in a hurry are refused at once, or given up
    now = time.time()
    print(f"  {'panel':<26} series     least      most      last")
    for panel, expression in queries():
        asked = {"query": expression, "start": str(now - 1200), "end": str(now), "step": "5"}
        result = get(f"{prometheus}/api/v1/query_range", **asked)["data"]["result"]
        points = [float(value) for series in result for _, value in series["values"] if value != "NaN"]
        assert points, f"{panel}: no data for {expression}"
        print(f"  {panel:<26} {len(result):6} {min(points):9.4g} {max(points):9.4g} {points[-1]:9.4g}")


def main() -> None:
    ports = {name: free_port() for name in ("OCR", "PROMETHEUS")}
    os.environ.update({f"{name}_PUBLISH": f"127.0.0.1:{port}" for name, port in ports.items()})
    os.environ.update({"COMPOSE_PROJECT_NAME": f"ocrtest{os.getpid()}", "OCR_MODEL_POLL_SECONDS": "2"})
    os.environ.setdefault("OCR_VERSION", "0.1.0")
    os.environ.setdefault("TRAIN_CORPORA", "none")  # the smoke configurations draw in a font of matplotlib's
    url, prometheus = (f"http://127.0.0.1:{port}" for port in ports.values())
    say(f"{' '.join(compose_command())}: {run(*compose_command(), 'version', quiet=True).splitlines()[0]}")
    build()
    drawable()
    confined()
    try:
        monitored(url, prometheus)
        panels(url, prometheus)
        trained(url)
    except BaseException:
        print(compose("logs", "--tail=40", "ocr"))
        raise
    finally:
        compose("down", "--volumes", profile="train")
    say("docker-test: good")


if __name__ == "__main__":
    main()
