"""Serving needs neither the trainer nor its packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "trainer", "pyclipper", "matplotlib", "tensorboard", "rapidocr", "onnx"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
import service
for module in pkgutil.walk_packages(service.__path__, "service."):
    if module.name not in ("service.ocrmypdf.plugin", "service.ocrmypdf.elements"):  # they are OCRmyPDF's
        importlib.import_module(module.name)
from service.app import create_app
from service.settings import Settings
create_app(Settings()).openapi()
"""


def test_the_service_is_whole_without_torch() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", SCRIPT],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_help_does_not_load_the_engine() -> None:
    script = "import sys, service.cli; print([m for m in ('cv2', 'fastapi', 'openvino') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
