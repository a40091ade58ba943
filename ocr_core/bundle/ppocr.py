"""Bundles from the ONNX files of PP-OCR, v2 to v6, whoever converted them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ocr_core.bundle.golden import draw_sample, encode_sample
from ocr_core.bundle.manifest import Golden, Models, Origin
from ocr_core.bundle.ppocr_models import AS_FOUND, Fields, classifier_spec, detector_spec, recognizer_spec
from ocr_core.bundle.reader import Bundle, summary
from ocr_core.bundle.writer import describe_file, make_manifest, write_bundle
from ocr_core.errors import BundleImportError

ReadGolden = Callable[[Bundle], tuple[str, ...]]
"""Loads a bundle and returns the lines that it reads in its golden image."""

_TOOL: Final = "ocr models import"
_RAPIDOCR_FILES: Final = (
    "PP-OCRv6_det_small.onnx",
    "PP-OCRv6_rec_small.onnx",
    "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
)
SAMPLE: Final = "Total 12.95"


def import_ppocr(
    folder: Path,
    *,
    name: str,
    read: ReadGolden,
    det: Path,
    rec: Path,
    cls: Path | None = None,
    dictionary: Path | None = None,
    version: str | None = None,
    source: str | None = None,
    licence: str = "",
    sample: str = SAMPLE,
    detector: Fields = AS_FOUND,
    recognizer: Fields = AS_FOUND,
    classifier: Fields = AS_FOUND,
) -> Bundle:
    """Make a bundle of PP-OCR models and return it. The files themselves stay as they are.

    Args:
        folder: where the bundle is written; it must not exist.
        name: name of the bundle.
        read: reads the golden image with a bundle, as `ocr_core.pipeline.golden.read_golden` does.
        det: ONNX file of the detector.
        rec: ONNX file of the recognizer.
        cls: ONNX file of the direction classifier.
        dictionary: .txt or Paddle .yml; by default the one in or beside `rec`, see `find_dictionary`.
        version: by default one made of the time and the content.
        source: where the files come from; by default their names.
        licence: of the models, as an SPDX identifier.
        sample: ASCII text that the models must read before they are accepted.
        detector: fields of `DetectorSpec` that shall be other than by default.
        recognizer: the same for `RecognizerSpec`.
        classifier: the same for `ClassifierSpec`.

    Raises:
        BundleImportError: the files do not add up to a bundle; the message says which one and why.
        BundleExistsError: `folder` exists.
    """
    with tempfile.TemporaryDirectory() as temporary, _invalid_fields():
        work = Path(temporary)
        image = work / "golden.png"
        image.write_bytes(encode_sample(draw_sample(sample)))
        models = Models(
            detector=detector_spec(det, work, detector),
            recognizer=recognizer_spec(rec, work, dictionary, recognizer),
            classifier=None if cls is None else classifier_spec(cls, work, classifier),
        )
        source = source or ", ".join(path.name for path in (det, rec, cls) if path is not None)
        origin = Origin(tool=_TOOL, source=source, licence=licence)
        files = sorted(work.iterdir())

        def write(target: Path, text: tuple[str, ...]) -> Bundle:
            golden = Golden(image=describe_file(image), text=text)
            manifest = make_manifest(name=name, version=version, origin=origin, models=models, golden=golden)
            return write_bundle(target, manifest, files)

        lines = read(write(work / "draft", (sample,)))
        _require_sample(lines, sample, source)
        return write(folder, lines)


def _require_sample(lines: tuple[str, ...], sample: str, source: str) -> None:
    if _letters(sample) not in _letters("".join(lines)):
        raise BundleImportError(
            f"{source}: read {list(lines)} where {sample!r} was drawn. Do the models and the dictionary belong "
            "together? Models without Latin letters need another sample."
        )


def import_rapidocr(
    folder: Path, *, read: ReadGolden, name: str = "ppocrv6", models: Path | None = None, **options: Any
) -> Bundle:
    """Make a bundle of PP-OCRv6 small as it comes with the package `rapidocr`, which is not imported.

    Args:
        folder: where the bundle is written; it must not exist.
        read: reads the golden image with a bundle, see `import_ppocr`.
        name: name of the bundle.
        models: folder of the ONNX files, by default that of the installed package.
        options: further arguments of `import_ppocr`.

    Raises:
        BundleImportError: the package or one of its files is not there.
    """
    if models is None:
        models, source = _installed_rapidocr()
    else:
        source = ", ".join(_RAPIDOCR_FILES)
    det, rec, cls = (models / file for file in _RAPIDOCR_FILES)
    missing = [path.name for path in (det, rec, cls) if not path.is_file()]
    if missing:
        raise BundleImportError(
            f"{models}: has no {', '.join(missing)}. Install a rapidocr release that ships PP-OCRv6 small "
            '(`pip install --no-deps "rapidocr>=3.9"`), or import the files one by one.'
        )
    return import_ppocr(
        folder, name=name, read=read, source=source, licence="Apache-2.0", det=det, rec=rec, cls=cls, **options
    )


@contextmanager
def _invalid_fields() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise BundleImportError(f"the manifest would not be valid: {summary(error)}") from error


def _letters(text: str) -> str:
    # Spaces are what recognizers lose first; the gate is about weights and characters that do not fit at all.
    return "".join(text.split())


def _installed_rapidocr() -> tuple[Path, str]:
    # Found, not imported: rapidocr would import another build of OpenCV beside ours.
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise BundleImportError('rapidocr is not installed: `pip install --no-deps "rapidocr>=3.9"`.')
    folder = Path(next(iter(spec.submodule_search_locations)))
    return folder / "models", f"rapidocr {importlib.metadata.version('rapidocr')}"
