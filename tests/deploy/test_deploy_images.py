"""Images and compose: locked, confined, and of one mind about the model."""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import tomllib
import yaml
from engine import compose_command
from load import blank_png
from manifests import ROOT
from PIL import Image

from ocr_core.bundle.store import open_store
from service.settings import Settings

LOCKS = ROOT / "docker/locks"
REQUIREMENT = re.compile(r"^([a-z0-9._-]+)(?:\[.*?\])?==(\S+)", re.MULTILINE)


def locked(name: str) -> set[str]:
    return {package for package, _ in REQUIREMENT.findall((LOCKS / f"{name}.txt").read_text("utf-8"))}


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("service-cpu", ["cpu", "service", "s3", "otel"]),
        ("service-gpu", ["gpu", "service", "s3", "otel"]),
        ("trainer-cpu", ["trainer", "s3"]),
        ("trainer-gpu", ["trainer", "s3"]),
    ],
)
def test_locks_hold_what_the_project_asks_for(lock, extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + [r for extra in extras for r in project["optional-dependencies"][extra]]
    assert named(wanted) <= locked(lock)


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*.txt")), ids=lambda path: path.stem)
def test_every_package_has_a_version_and_hashes(path):
    entries = re.split(r"\n(?=[a-z0-9])", path.read_text("utf-8").strip())
    assert entries
    for entry in entries:
        assert REQUIREMENT.match(entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_service_holds_no_torch_and_one_onnxruntime():
    for device in ("cpu", "gpu"):
        packages = locked(f"service-{device}")
        assert not packages & {"torch", "openvino-telemetry"}
        assert len(packages & {"onnxruntime", "onnxruntime-gpu"}) == 1


@pytest.mark.parametrize("name", ["service", "trainer"])
def test_images_run_as_a_user_without_a_name(name):
    text = (ROOT / f"docker/{name}.Dockerfile").read_text("utf-8")
    last = text[text.rindex("\nFROM ") :]
    assert "\nUSER 10001:10001\n" in last
    assert ":latest" not in text
    assert "org.opencontainers.image.licenses" in last
    assert ("\nHEALTHCHECK " in last) == (name == "service")


def test_all_ways_to_run_the_service_have_the_same_model():
    places = {
        "docker/service.Dockerfile": r"^ARG OCR_MODEL=(.*)$",
        "docker-compose.yml": r"\$\{OCR_MODEL:-(.*?)\}",
        "Makefile": r"^export OCR_MODEL \?= (.*)$",
    }
    for path, pattern in places.items():
        found = re.findall(pattern, (ROOT / path).read_text("utf-8"), re.MULTILINE)
        assert set(found) == {Settings.model_fields["model"].default}, path


RENDERED = ("fonts", "corpora")
"""Lists of Debian packages; apt installs none of a list in which it does not know one."""


@pytest.mark.parametrize("name", RENDERED)
def test_debian_knows_every_package_that_the_renderer_names(name):
    release = Path("/etc/os-release")
    if not shutil.which("apt-cache") or "bookworm" not in (release.read_text("utf-8") if release.exists() else ""):
        pytest.skip("the lists are those of Debian 12")
    packages = re.findall(r"^[a-z0-9.+-]+", (ROOT / f"trainer/render/{name}.txt").read_text("utf-8"), re.MULTILINE)
    assert len(packages) == len(set(packages)) > 50
    known = subprocess.run(["apt-cache", "pkgnames"], capture_output=True, text=True, check=True).stdout.split()
    if len(known) < 20_000:
        pytest.skip("apt has not read what there is (apt-get update)")
    assert set(packages) <= set(known)


def compose_file() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


def test_compose_reads_its_file():
    if not shutil.which(compose_command()[0]):
        pytest.skip("compose is not installed")
    done = subprocess.run([*compose_command(), "config"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"].keys() >= {"ocr", "prometheus", "grafana"}


def test_compose_builds_an_image_before_it_is_run():
    """1.29 goes by dependencies and pulls what it has not built yet, so whoever comes first must build."""
    services = compose_file()["services"]

    def reached(name: str) -> set[str]:
        return {name}.union(*(reached(other) for other in services[name].get("depends_on", {})))

    for name, service in services.items():
        if service["image"].startswith("ocr-"):
            image = service["image"]
            assert any("build" in services[other] and services[other]["image"] == image for other in reached(name)), (
                name
            )


def test_compose_confines_every_container():
    for name, service in compose_file()["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not re.search(r":latest$|^[^:]+$", service["image"]), name
        for port in service.get("ports", []):
            assert port.split(":-")[1].startswith("127.0.0.1:"), port  # nobody outside, unless asked for


def test_the_blank_page_of_the_load_is_white():
    with Image.open(io.BytesIO(blank_png())) as image:
        assert image.getextrema() == (255, 255)


def script(path: str):
    spec = importlib.util.spec_from_file_location("loaded", ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_store_gets_the_model_once_and_keeps_a_newer_one(tmp_path):
    write_small_bundle = script("tests/ocr_core/bundle/synthetic.py").write_small_bundle
    copy_bundle = script("docker/copy_bundle.py").copy_bundle
    source, target = tmp_path / "image", tmp_path / "volume"
    first, second = (write_small_bundle(tmp_path / version, version=version) for version in ("v1", "v2"))
    open_store(source).publish(first)
    assert copy_bundle(str(source), str(target), first.manifest.name).endswith(f"copied to {target}")
    open_store(target).publish(second)
    assert "already" in copy_bundle(str(source), str(target), first.manifest.name)
    assert open_store(target).current(first.manifest.name) == second.manifest.version


def test_trimming_removes_what_it_names_and_complains_of_what_is_not_there(tmp_path, capsys):
    trim = script("docker/trim.py")
    (tmp_path / "cv2/data").mkdir(parents=True)
    (tmp_path / "cv2/data/cascade.xml").write_text("x" * 1000)
    (tmp_path / "cv2/__init__.pyi").write_text("")
    (tmp_path / "cv2/cv2.so").write_text("")
    trim.main(tmp_path)
    assert [path.name for path in (tmp_path / "cv2").iterdir()] == ["cv2.so"]
    assert "cv2: 0.0 MB" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="nothing there matches data"):
        trim.main(tmp_path)
