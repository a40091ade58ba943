"""Prints what an image is made of as a CycloneDX bill of materials: `python docker/sbom.py IMAGE`.

Debian packages come from the image's own dpkg database, Python packages from the metadata that pip left; nothing of the
image is run but `dpkg-query` and `python`, without a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

DEBIAN = ("dpkg-query", "--show", "--showformat", "${Package}\\t${Version}\\t${Architecture}\\n")
PYTHON = (
    "python",
    "-c",
    "from importlib.metadata import distributions\n"
    "for d in distributions(): print(d.name, d.version, d.metadata['License-Expression'] or '', sep='\\t')",
)


def ask(image: str, *command: str) -> list[list[str]]:
    """Run a command in the image and return its lines, cut at tabs."""
    confined = ["docker", "run", "--rm", "--network", "none", "--read-only", "--entrypoint", command[0], image]
    done = subprocess.run([*confined, *command[1:]], check=True, capture_output=True, text=True)
    return sorted(line.split("\t") for line in done.stdout.splitlines())


def component(name: str, version: str, purl: str, licence: str = "") -> dict[str, Any]:
    """Describe one package."""
    entry: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return entry | ({"licenses": [{"expression": licence}]} if licence else {})


def bill(image: str) -> dict[str, Any]:
    """Return the bill of materials of an image that is on this machine."""
    inspected = subprocess.run(["docker", "image", "inspect", image], check=True, capture_output=True, text=True)
    labels = json.loads(inspected.stdout)[0]["Config"].get("Labels") or {}
    debian = [
        component(name, version, f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}")
        for name, version, architecture in ask(image, *DEBIAN)
    ]
    python = [
        component(name, version, f"pkg:pypi/{name.lower().replace('_', '-')}@{quote(version)}", licence)
        for name, version, licence in ask(image, *PYTHON)
    ]
    subject = {"type": "container", "bom-ref": image, "name": image}
    if version := labels.get("org.opencontainers.image.version"):
        subject["version"] = version
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {"timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"), "component": subject},
        "components": debian + python,
    }


if __name__ == "__main__":
    print(json.dumps(bill(sys.argv[1]), indent=1))
