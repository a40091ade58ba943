"""`ocr doctor`: each message as a newcomer meets it, and what to do behind it."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import tomllib
from typer.testing import CliRunner

from ocr_core.bundle.store import DEFAULT_MODEL, open_store
from service.cli import app
from service.cli.doctor import machine, model, place
from service.cli.doctor.finding import State
from service.cli.doctor.settings import examine
from service.settings import Settings

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "models"
runner = CliRunner()


def findings(*arguments: object) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the command; return its exit code and its findings by name, of several the last."""
    result = runner.invoke(app, ["doctor", "--json", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    report = json.loads(result.stdout)
    assert report["healthy"] == (result.exit_code == 0)
    return result.exit_code, {finding["name"]: finding for finding in report["findings"]}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A copy of the store with the default model."""
    (tmp_path / "store").mkdir()
    shutil.copytree(MODELS / DEFAULT_MODEL, tmp_path / "store" / DEFAULT_MODEL)
    return tmp_path / "store"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OCR_HOST", "127.0.0.1")
    monkeypatch.setenv("OCR_PORT", "0")
    monkeypatch.chdir(tmp_path)


def bundle(store: Path) -> Path:
    return store / DEFAULT_MODEL / open_store(store).current(DEFAULT_MODEL)


def test_all_is_well_with_the_shipped_model() -> None:
    code, found = findings()
    assert code == 0, found
    assert found["model"]["text"].startswith(f"{DEFAULT_MODEL}@")
    assert "no ./models" in found["store"]["text"]
    assert found["reading"]["text"].startswith("works: loaded in ")
    assert {"settings", "processor", "cores", "memory", "backend", "precision", "cache", "port", "gpu"} <= found.keys()
    assert all("remedy" in finding or finding["state"] == "ok" for finding in found.values())


def test_people_get_a_line_for_each_thing_and_an_arrow_before_what_to_do(tmp_path: Path) -> None:
    result = runner.invoke(app, ["doctor", "--store", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    *lines, last = result.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("wrong    store"))
    text = " ".join(line.strip() for line in lines[at : lines.index("", at)])
    assert re.match(r"wrong    store      there is no folder \S+ \(as OCR_MODEL_STORE or --store says\)", text)
    assert "→ Unset OCR_MODEL_STORE to use the model that comes with the package" in text
    assert last.startswith("1 thing is wrong.")


def break_weights(store: Path) -> None:
    path = bundle(store) / "detector.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def break_manifest(store: Path) -> None:
    (bundle(store) / "manifest.json").write_text('{"schema_version": 1')


def later_schema(store: Path) -> None:
    (bundle(store) / "manifest.json").write_text('{"schema_version": 2}')


def half_a_copy(store: Path) -> None:
    (bundle(store) / "recognizer.onnx").unlink()


def pointer_to_nothing(store: Path) -> None:
    (store / DEFAULT_MODEL / "current").write_text("2020\n")


def another_name(store: Path) -> None:
    (store / DEFAULT_MODEL).rename(store / "mine")


BROKEN = {
    break_weights: ("its sha256 is not the one in the manifest", "Copy or publish it anew"),
    break_manifest: ("manifest.json is damaged", "Copy or publish it anew"),
    later_schema: ("follows schema 2", "Install the release that the bundle was written for"),
    half_a_copy: ("recognizer.onnx: missing", "Copy or publish it anew"),
    pointer_to_nothing: ("no version '2020'", "Set OCR_MODEL to one of those"),
    another_name: ("has mine", "Set OCR_MODEL to one of those"),
}


@pytest.mark.parametrize("harm", BROKEN, ids=lambda harm: harm.__name__)
def test_a_model_that_is_broken(store: Path, harm) -> None:  # type: ignore[no-untyped-def]
    harm(store)
    settings = Settings(model_store=str(store), cache_dir=store.parent / "cache")
    (found,) = [each for each in model.examine(settings, model.run_trial(settings)) if each.state is State.wrong]
    text, remedy = BROKEN[harm]
    assert found.name == "model"
    assert text in found.text
    assert found.remedy.startswith(remedy)


def test_a_model_of_the_package_that_is_broken_is_installed_again(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "shipped_models", lambda: store)
    step = {"error": "x/detector.onnx: missing. Publish it again.", "code": "bundle_corrupt"}
    (found,) = model.examine(Settings(), model.Trial(steps={"bundle": step}))
    assert (found.text, found.remedy.split(":")[0]) == ("x/detector.onnx: missing", "Install it again")


STORES = {
    "a file": ("is no folder", "Unset OCR_MODEL_STORE"),
    "an empty folder": ("holds no model", "Unset OCR_MODEL_STORE"),
    "nothing": ("there is no folder", "Unset OCR_MODEL_STORE"),
    "s3x://bucket": ("Protocol not known", "A store is a local folder or an address"),
}


@pytest.mark.parametrize("name", STORES)
def test_a_store_that_is_none(name: str, tmp_path: Path) -> None:
    (tmp_path / "an empty folder").mkdir()
    (tmp_path / "a file").write_text("")
    settings = Settings(model_store=name if "://" in name else str(tmp_path / name), cache_dir=tmp_path / "cache")
    found = next(each for each in model.examine(settings, model.run_trial(settings)) if each.name == "store")
    text, remedy = STORES[name]
    assert text in found.text
    assert found.remedy.startswith(remedy)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_a_store_that_this_user_may_not_read(store: Path) -> None:
    store.chmod(0)
    try:
        settings = Settings(model_store=str(store), cache_dir=store.parent / "cache")
        found = next(each for each in model.examine(settings, model.run_trial(settings)) if each.name == "store")
    finally:
        store.chmod(0o755)
    assert "may not be read by this user" in found.text
    assert found.remedy == f"chmod -R a+rX {store}"


def test_a_model_that_this_user_may_not_read_is_not_a_store_without_models() -> None:
    steps = {
        "store": {"url": "/store", "bundles": []},
        "bundle": {"error": "[Errno 13] Permission denied: '/store/m/1/manifest.json'", "code": "PermissionError"},
    }
    (found,) = model.examine(Settings(model_store="/store"), model.Trial(steps=steps))
    assert (found.name, found.remedy.split(":")[0]) == ("model", "Let this user read it")
    steps["bundle"]["code"] = "bundle_not_found"
    (found,) = model.examine(Settings(model_store="/store"), model.Trial(steps=steps))
    assert found.name == "store"


def test_a_gpu_that_is_asked_for_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "sees_gpu", lambda: False)
    found = machine.gpu(Settings(backend="cuda"))
    assert found.state is State.wrong
    assert found.remedy.startswith("Unset OCR_BACKEND")
    monkeypatch.setattr(machine, "sees_gpu", lambda: True)
    assert machine.gpu(Settings(backend="cuda")).state is State.ok
    assert "left alone" in machine.gpu(Settings()).text


ENDS = {
    "was ended by SIGILL": "This processor lacks instructions",
    "was ended by SIGKILL": "Most likely for want of memory",
    "was ended by SIGSEGV": "Install it again",
    "did not end within 120 seconds": "The store does not answer",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_trial_that_dies(end: str) -> None:
    steps = {"packages": {}, "store": {"state": "begun"}}
    (found,) = model.examine(Settings(), model.Trial(steps=steps, end=end))
    assert (found.name, found.state) == ("store", State.wrong)
    assert found.remedy.startswith(ENDS[end])


def test_a_trial_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    trial = model.run_trial(Settings(cache_dir=tmp_path), seconds=0.01)
    assert trial.end.startswith("did not end within")
    assert [each.state for each in model.examine(Settings(), trial)][-1] is State.wrong


def in_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    """Let the control groups of this process hold `files`."""
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    monkeypatch.setattr("ocr_core.cgroup._groups", lambda root, process, controller: [tmp_path])
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def test_half_a_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_group(tmp_path, monkeypatch, {"cpu.max": "50000 100000"})
    found = machine.cores(Settings())
    assert found.state is State.warning
    assert "8 by affinity, 0.5 by the quota of the cgroup: one inference at a time" in found.text
    assert "a page takes 2.0 times as long" in found.text
    assert found.remedy.startswith("Allow a core or more: docker run --cpus 1")


def test_more_threads_than_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_group(tmp_path, monkeypatch, {"cpu.max": "200000 100000"})
    assert machine.cores(Settings()).state is State.ok
    found = machine.cores(Settings(threads=4))
    assert (found.state, found.remedy.split(":")[0]) == (State.warning, "Unset OCR_THREADS")


@pytest.mark.parametrize(
    ("limit", "state", "remedy"),
    [
        (4 << 30, State.ok, ""),
        (1 << 30, State.warning, "Set OCR_MAX_MEMORY=724MiB,"),
        (600 << 20, State.warning, "Set OCR_MAX_MEMORY=300MiB, OCR_PAYLOAD_LIMIT=8MiB and OCR_MAX_PIXELS=37000000,"),
        (310 << 20, State.warning, "Read with `ocr read` alone, or allow 2.29 GiB."),
    ],
)
def test_memory_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, state: State, remedy: str) -> None:
    in_group(tmp_path, monkeypatch, {"memory.max": str(limit)})
    monkeypatch.setattr(machine, "total_memory", lambda: 16 << 30)
    found = machine.memory(Settings(), 300 << 20)
    assert found.state is state
    assert found.remedy.startswith(remedy)
    advice = dict(re.findall(r"OCR_(\w+)=(\w+)", found.remedy))
    followed = Settings(**{name.lower(): value for name, value in advice.items()})
    assert (machine.memory(followed, 300 << 20).state is State.ok) == (state is State.ok or bool(advice))


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_port_that_is_taken(listener: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = place.port(Settings(host="127.0.0.1", port=listener))
    assert found.state is State.wrong
    assert "taken by another program" in found.text
    assert f"ocr serve --port {listener + 1}" in found.remedy


class Running(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"version": "0.1.0", "model": null, "runtime": null}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_port_on_which_the_service_runs_already() -> None:
    with HTTPServer(("127.0.0.1", 0), Running) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = place.port(Settings(host="127.0.0.1", port=server.server_port))
        server.shutdown()
    assert found.state is State.warning
    assert "ocr-service 0.1.0 serves there already" in found.text


def test_an_address_of_another_machine() -> None:
    found = place.port(Settings(host="192.0.2.1", port=0))
    assert found.state is State.wrong
    assert "OCR_HOST" in found.remedy


def test_what_is_no_name_of_a_machine() -> None:
    found = place.port(Settings(host="a..b", port=0))
    assert (found.state, found.text) == (State.wrong, "a..b is no name of a machine")


def test_a_terminal_without_arrows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_BACKEND", "tpu")
    result = CliRunner(charset="latin-1").invoke(app, ["doctor"])
    assert isinstance(result.exception, SystemExit), result.exception
    assert "? Correct it or unset it" in result.stdout


def test_a_file_of_settings_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ocr.env").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("OCR_CONFIG", str(tmp_path / "ocr.env"))
    chosen, found = examine({})
    assert (chosen, found[0].state) == (None, State.wrong)
    assert found[0].text.startswith("OCR_CONFIG cannot be read: ")


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = place.cache(Settings(cache_dir=tmp_path / "file" / "cache"))
    assert found.state is State.warning
    assert "OCR_CACHE_DIR" in found.remedy


def test_settings_that_are_misspelt_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_MODLE", "mine")
    monkeypatch.setenv("OCR_WORKERS", "4")
    chosen, found = examine({})
    assert chosen is not None
    assert [(each.state, each.remedy) for each in found[1:]] == [
        (State.warning, "Did you mean OCR_MODEL?"),
        (State.warning, "docs/settings.md lists all that there are."),
    ]
    monkeypatch.setenv("OCR_BACKEND", "tpu")
    code, report = findings()
    assert code == 1
    assert "store" not in report
    assert "processor" in report
    chosen, found = examine({})
    assert chosen is None
    assert found[0].text.startswith("OCR_BACKEND: must be 'auto'")


def test_keys_that_are_none(tmp_path: Path) -> None:
    assert place.keys(Settings(api_keys_file=tmp_path / "absent")).state is State.wrong
    assert place.keys(Settings(api_keys="nonsense")).state is State.wrong
    assert "whoever reaches the port" in place.keys(Settings()).text


def test_traces_without_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_has", lambda package: package != "opentelemetry-sdk")
    found = place.extras(Settings(traces=True))
    assert (found.state, found.remedy.split(",")[0]) == (State.wrong, "pip install 'ocr-service[otel]'")
    assert place.extras(Settings()).state is State.ok


def test_the_extras_are_some_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert place.EXTRAS.keys() <= project["optional-dependencies"].keys()


def test_two_runtimes_that_overwrite_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_installed", lambda package: True)
    assert machine.gpu(Settings()).state is State.wrong
