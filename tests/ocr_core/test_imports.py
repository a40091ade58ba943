"""What importing the package pulls in: it is installed without torch and without a web framework."""

from __future__ import annotations

import subprocess
import sys
import textwrap

TRAINING = ("torch", "safetensors", "pyclipper")
WEB = ("fastapi", "starlette", "uvicorn", "prometheus_client", "typer", "rich")
IMPORT_ALL = """
    import pkgutil, sys

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in set(sys.argv[1:]):
                raise ImportError(f"{name} is not installed")

    sys.meta_path.insert(0, Refuse())
    import ocr_core

    names = [found.name for found in pkgutil.walk_packages(ocr_core.__path__, "ocr_core.")]
    for name in names:
        __import__(name)
    print(len(names))
"""


def test_every_module_imports_without_web_frameworks_and_what_training_needs():
    missing = (*TRAINING, *WEB)
    command = [sys.executable, "-c", textwrap.dedent(IMPORT_ALL), *missing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_the_engine_imports_without_onnx_and_the_backends():
    """`onnx` is for importing bundles; of the two backends only the one in use need be there."""
    missing = ("onnx", "onnxruntime", "openvino", "s3fs")
    script = IMPORT_ALL.partition("    names =")[0] + "    import ocr_core.pipeline, ocr_core.bundle.store\n"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *missing], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
