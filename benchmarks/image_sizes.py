"""What an image weighs, layer by layer: on disk, and compressed as a registry would keep it.

    python -m benchmarks.image_sizes [IMAGE …]

Layers are packed by gzip at level 6. Needs a Docker engine and the right to use it.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import zlib
from typing import IO, Any

from benchmarks.common import add_out_argument, print_table, write_result

CHUNK = 1 << 20


def layers(image: str) -> list[dict[str, Any]]:
    """Return the layers of an image, the base's first: what made it, and its MB on disk and compressed."""
    packed: dict[str, tuple[int, int]] = {}
    small: dict[str, bytes] = {}
    saved = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
    with saved, tarfile.open(fileobj=saved.stdout, mode="r|") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            if file is not None and member.size < CHUNK:
                small[member.name] = file.read()
                file = io.BytesIO(small[member.name])
            if file is not None:
                packed[member.name] = (member.size, _compressed(file))
    if saved.returncode:
        sys.exit(f"{image}: docker save ended with {saved.returncode}")
    manifest = json.loads(small["manifest.json"])[0]
    made = [step["created_by"] for step in _history(small[manifest["Config"]]) if not step.get("empty_layer")]
    sizes = [packed[name] for name in manifest["Layers"]]
    return [
        {"made_by": _shortened(step), "disk_mb": size / 1e6, "compressed_mb": gzipped / 1e6}
        for step, (size, gzipped) in zip(made, sizes, strict=True)
    ]


def _history(config: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(config)["history"]
    return [{"created_by": "base", **step} for step in found]


def _shortened(step: str) -> str:
    words = step.removeprefix("/bin/sh -c").replace("#(nop)", "").split()
    return " ".join(words)[:70] or "base"


def _compressed(file: IO[bytes]) -> int:
    packer, size = zlib.compressobj(6, zlib.DEFLATED, 31), 0
    while chunk := file.read(CHUNK):
        size += len(packer.compress(chunk))
    return size + len(packer.flush())


def show_sizes(image: str) -> dict[str, Any]:
    """Print and return what an image weighs."""
    found = layers(image)
    sums = {key: sum(layer[key] for layer in found) for key in ("disk_mb", "compressed_mb")}
    rows = [[layer["made_by"], layer["disk_mb"], layer["compressed_mb"]] for layer in found]
    print_table([image, "MB on disk", "compressed"], [*rows, ["together", *sums.values()]])
    return {"layers": found, **sums}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", default=["ocr-service:0.1.0-cpu"], metavar="IMAGE")
    add_out_argument(parser, "image_sizes")
    args = parser.parse_args()
    write_result(args.out, args, {"sizes": {image: show_sizes(image) for image in args.images}})


if __name__ == "__main__":
    main()
