"""Puts a model into the wheel; all else stands in pyproject.toml.

The bundles lie in this repository once, in models/. A wheel, and a source distribution, carry the current version of
the one that is read with by default, in a wheel as ocr_core/models/. The states of its training stay out. An editable
install has no need of a copy, and images have their model in a folder of its own: their builds leave this file out.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MODEL = Path("models/ppocrv2-en")


class BuildWithModel(build_py):
    """Copies the package, and the model into it."""

    def run(self) -> None:
        """Build; what an earlier build left in the same folder goes first."""
        super().run()
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib, "ocr_core/models"), ignore_errors=True)
            for target, source in self._files().items():
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def get_source_files(self) -> list[str]:
        """Return what a source distribution must hold."""
        return [*super().get_source_files(), *self._files().values()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return what was built."""
        return [*super().get_outputs(include_bytecode), *([] if self.editable_mode else self._files())]

    def _files(self) -> dict[str, str]:
        """Return the files of the model, by where they are to be."""
        version = (MODEL / "current").read_text("utf-8").strip()
        files = [MODEL / "current", *sorted((MODEL / version).iterdir())]
        return {str(Path(self.build_lib, "ocr_core", file)): str(file) for file in files}


setup(cmdclass={"build_py": BuildWithModel})
