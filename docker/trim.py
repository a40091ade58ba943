"""Removes from a site-packages folder what the service never opens, and prints what that saves.

    python trim.py SITE_PACKAGES

Every pattern must match something: a package that moved its files shows here, not in the size of the image.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

EVERYWHERE = ("**/tests", "**/*.pyi", "**/*.h", "**/*.hpp", "**/*.pxd")

UNUSED = {
    # Networks are computed on the CPU alone and come as ONNX.
    "openvino": (
        "libs/libopenvino_intel_gpu_plugin.so*",
        "libs/libopenvino_intel_npu_plugin.so*",
        "libs/libopenvino_auto_plugin.so*",
        "libs/libopenvino_auto_batch_plugin.so*",
        "libs/libopenvino_hetero_plugin.so*",
        "libs/libopenvino_gguf_frontend.so*",
        "libs/libopenvino_jax_frontend.so*",
        "libs/libopenvino_paddle_frontend.so*",
        "libs/libopenvino_pytorch_frontend.so*",
        "libs/libopenvino_tensorflow*_frontend.so*",
        "libs/cache.json",  # tuning of GPU kernels
        "include",
        "cmake",
        "tools",
    ),
    "onnxruntime": ("datasets", "quantization", "tools", "transformers"),
    "cv2": ("data",),
    # Of four hundred services of AWS a store needs S3 and those that give it credentials.
    "botocore": ("data/[!s]*/", "data/s[!3st]*/", "data/s3?*/", "data/ss[!o]*/", "data/sso-admin", "data/st[!s]*/"),
}


def found(root: Path, patterns: Iterable[str]) -> list[Path]:
    """Return what the patterns match; each must match."""
    paths: list[Path] = []
    for pattern in patterns:
        matches = list(root.glob(pattern))
        if not matches:
            sys.exit(f"{root}: nothing there matches {pattern}; say what is unused now in {__file__}")
        paths += matches
    return paths


def size(path: Path) -> int:
    """Return the bytes of a file, or of the files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def remove(paths: Iterable[Path]) -> int:
    """Remove files and folders, and return their bytes."""
    saved = 0
    for path in paths:
        if path.exists() or path.is_symlink():
            saved += size(path)
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return saved


def main(site: Path) -> None:
    """Trim the packages that are there."""
    for package, patterns in UNUSED.items():
        if (site / package).is_dir():
            print(f"{package}: {remove(found(site / package, patterns)) / 1e6:.1f} MB")
    print(f"all: {remove(path for pattern in EVERYWHERE for path in site.glob(pattern)) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
