"""What is installed, away from the clone: built once, unpacked into an environment of its own, run in empty folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.servers import free_port
from ocr_core.bundle.store import DEFAULT_MODEL, open_store

ROOT = Path(__file__).parents[2]
LEFT_OUT = (
    ".*",
    "build",
    "dist",
    "runs",
    "tests",
    "benchmarks",
    "clients",
    "docs",
    "*.egg-info",
    "__pycache__",
    "node_modules",
)
MODEL = f"{DEFAULT_MODEL}/{open_store(ROOT / 'models').current(DEFAULT_MODEL)}"
FILES = {"current", *(f"{MODEL.partition('/')[2]}/{file.name}" for file in (ROOT / "models" / MODEL).iterdir())}
FIRST_LINE = "THE CORNER BAKERY"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, which a build may write into, with an old build and a version that is not current."""
    folder = tmp_path_factory.mktemp("source") / "clone"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for left in (folder / "build/lib/ocr_core/models/old/1", folder / "models" / DEFAULT_MODEL / "0-not-current"):
        left.mkdir(parents=True)
        (left / "manifest.json").write_text("{}")
    return folder


def build(hook: str, source: Path, target: Path) -> Path:
    """Call a hook of the build backend, as pip does, without an environment of its own."""
    script = f"from setuptools.build_meta import *; print({hook}({str(target)!r}))"
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("build_wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and behind it the packages of this one, but not its editable install."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"))
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}


def run(installed: Path, folder: Path, *command: object) -> str:
    command = (installed / "bin" / str(command[0]), *command[1:])
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment(folder.parent), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_carries_the_current_version_of_the_model_and_no_states_of_its_training(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    prefix = "ocr_core/models/"
    assert {name for name in names if name.startswith(prefix)} == {f"{prefix}{DEFAULT_MODEL}/{file}" for file in FILES}
    assert not [name for name in names if name.endswith(".safetensors")]
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} <= {"ocr_core", "service", "trainer"}
    assert "ocr_core/py.typed" in names


def test_a_wheel_made_of_a_source_distribution_carries_it_too(source: Path, tmp_path: Path) -> None:
    archive = build("build_sdist", source, tmp_path)
    with tarfile.open(archive) as opened:
        names = [member.name.partition("/")[2] for member in opened if member.isfile()]
        opened.extractall(tmp_path, filter="data")
    found = {name.removeprefix(f"models/{DEFAULT_MODEL}/") for name in names if name.startswith("models/")}
    assert found == FILES
    assert not [name for name in names if name.endswith(".safetensors")]
    again = build("build_wheel", tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path)
    assert f"ocr_core/models/{MODEL}/manifest.json" in zipfile.ZipFile(again).namelist()


def test_three_lines_of_python_in_an_empty_folder(installed: Path, empty: Path) -> None:
    shutil.copy(ROOT / "examples/receipt.jpg", empty)
    lines = 'import ocr_core\nreader = ocr_core.load()\npage = reader.read("receipt.jpg")\nprint(page.text)\n'
    assert run(installed, empty, "python", "-c", lines).startswith(f"{FIRST_LINE}\n")
    where = run(installed, empty, "python", "-c", "import ocr_core; print(ocr_core.__file__, ocr_core.__version__)")
    assert where.startswith(str(installed))


def test_the_command_in_an_empty_folder_and_nothing_is_written_beside_it(installed: Path, empty: Path) -> None:
    shutil.copy(ROOT / "examples/receipt.jpg", empty / "photo.jpg")
    before = {path: path.stat().st_mtime_ns for path in installed.rglob("*")}
    assert run(installed, empty, "ocr", "read", "photo.jpg").startswith(FIRST_LINE)
    assert run(installed, empty, "ocr", "models", "list") == f"* {MODEL.replace('/', '@')}\n"
    assert {path: path.stat().st_mtime_ns for path in installed.rglob("*")} == before
    assert [path.name for path in empty.iterdir()] == ["photo.jpg"]


@pytest.fixture
def url(installed: Path, empty: Path) -> Iterator[str]:
    port = free_port()
    command = [installed / "bin/ocr", "serve", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=empty, env=environment(empty.parent) | {"OCR_LOG_LEVEL": "warning"})
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def test_the_service_in_an_empty_folder(url: str) -> None:
    transport = httpx.HTTPTransport(retries=9)
    with httpx.Client(base_url=url, transport=transport, timeout=60) as client:
        while client.get("/readyz").status_code != 200:
            pass
        files = {"file": (ROOT / "examples/receipt.jpg").read_bytes()}
        answer = client.post("/v1/ocr", files=files).json()
        assert answer["pages"][0]["lines"][0]["text"] == FIRST_LINE
        assert answer["model"]["version"] == MODEL.partition("/")[2]
        assert client.get("/docs").status_code == 200
