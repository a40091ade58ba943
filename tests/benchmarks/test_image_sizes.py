"""The sizes of an image's layers, from what `docker save` writes."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from benchmarks.image_sizes import layers


def saved(path, layers, history):
    """Write an archive like that of `docker save`."""
    files = {f"{number}/layer.tar": body for number, body in enumerate(layers)}
    manifest = [{"Config": "config.json", "Layers": list(files)}]
    files |= {"config.json": json.dumps({"history": history}).encode(), "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(path, "w") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A docker that saves one image, whatever it is asked."""
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\nexec cat {tmp_path}/saved.tar\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "saved.tar"


def test_layers_are_named_by_what_made_them_and_weighed(engine):
    history = [
        {"comment": "Imported from -"},
        {"created_by": "/bin/sh -c #(nop)  ENV A=1", "empty_layer": True},
        {"created_by": "/bin/sh -c #(nop) COPY  dir in /models"},
    ]
    saved(engine, [b"\0" * 3_000_000, bytes(range(256))], history)
    base, copied = layers("image")
    assert (base["made_by"], base["disk_mb"]) == ("base", 3.0)
    assert base["compressed_mb"] < 0.01
    assert (copied["made_by"], copied["disk_mb"]) == ("COPY dir in /models", 0.000256)
    assert copied["compressed_mb"] >= copied["disk_mb"]  # nothing repeats


def test_an_image_that_cannot_be_saved_is_an_error(engine):
    with pytest.raises((SystemExit, tarfile.ReadError)):
        layers("image")
