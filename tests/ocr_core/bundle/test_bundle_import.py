from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import synthetic
from onnx import numpy_helper

from ocr_core.bundle.dictionary import characters_for, read_dictionary, split_entries
from ocr_core.bundle.golden import check_golden, draw_sample, golden_pixels
from ocr_core.bundle.onnx_files import OnnxModel
from ocr_core.bundle.ppocr import SAMPLE, import_ppocr, import_rapidocr
from ocr_core.bundle.ppocr_models import default_widths
from ocr_core.bundle.reader import Bundle, read_bundle
from ocr_core.errors import BundleCorruptError, BundleExistsError, BundleImportError

FLAG = "🇪🇺"


def read_sample(_bundle: Bundle) -> tuple[str, ...]:
    return (SAMPLE,)


def entries(count: int, first: str = "!") -> list[str]:
    """A dictionary of `count` different entries with a flag, which is two code points, as the last."""
    return [first, *(chr(0x4E00 + i) for i in range(count - 2)), FLAG]


def import_rec(folder: Path, rec: Path, **options) -> Bundle:
    det = synthetic.detector(folder / "det.onnx")
    return import_ppocr(folder / "bundle", name="imported", det=det, rec=rec, **{"read": read_sample, **options})


def test_v2_with_a_text_file(tmp_path):
    # 32 pixels high, which the file does not say; a frame is 4 pixels; the dictionary is apart from the model.
    rec = synthetic.recognizer(
        tmp_path / "rec.onnx", classes=6625, height=32, frame=4, dims=(-1, 3, "?", "?"), declare_classes=False
    )
    (tmp_path / "keys.txt").write_bytes("\n".join(entries(6623)).encode() + b"\n")
    cls = synthetic.classifier(tmp_path / "ch_ppocr_mobile_v2.0_cls_infer.onnx")
    models = import_rec(tmp_path, rec, cls=cls, dictionary=tmp_path / "keys.txt").manifest.models
    assert models.recognizer.height == 32
    assert models.recognizer.characters == (*entries(6623), " ")
    assert models.classifier is not None
    assert (models.classifier.height, models.classifier.width) == (48, 192)


def test_v3_with_the_older_keys_of_metadata(tmp_path):
    metadata = {"dictionary": "\n".join(entries(95)), "shape": "[3,48,320]"}
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=97, dims=("N", 3, "H", "W"), metadata=metadata)
    recognizer = import_rec(tmp_path, rec).manifest.models.recognizer
    assert recognizer.height == 48
    assert recognizer.characters == (*entries(95), " ")


def test_v4_with_an_open_height(tmp_path):
    metadata = {"character": "\n".join(entries(6623)), "dictionary": "of another"}
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=6625, dims=("N", 3, "?", "W"), metadata=metadata)
    recognizer = import_rec(tmp_path, rec).manifest.models.recognizer
    assert recognizer.height == 48
    assert recognizer.characters == (*entries(6623), " ")


def test_v5_with_an_inference_yml_beside_it(tmp_path):
    rec = synthetic.recognizer(tmp_path / "inference.onnx", classes=9)
    (tmp_path / "inference.yml").write_text(
        "Global:\n  model_name: PP-OCRv5_mobile_rec\nPostProcess:\n  name: CTCLabelDecode\n  character_dict:\n"
        f"  - \u3000\n  - '1'\n  - no\n  - ''''\n  - \"\\u2030\"\n  - '\\'\n  - {FLAG}\n",
        encoding="utf-8",
    )
    cls = synthetic.classifier(tmp_path / "PP-LCNet_x0_25_textline_ori.onnx")
    models = import_rec(tmp_path, rec, cls=cls).manifest.models
    assert models.recognizer.characters == ("\u3000", "1", "no", "'", "\u2030", "\\", FLAG, " ")
    assert models.classifier is not None
    assert (models.classifier.height, models.classifier.width) == (80, 160)


def test_v6_says_all_of_itself(tmp_path):
    metadata = {"character": "\n".join(entries(18708))}
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=18710, metadata=metadata, name="image")
    bundle = import_rec(tmp_path, rec)
    manifest = bundle.manifest
    recognizer, detector = manifest.models.recognizer, manifest.models.detector
    assert recognizer.height == 48
    assert recognizer.widths == default_widths(48)
    assert len(recognizer.characters) == 18709
    assert recognizer.output_kind == "probabilities"
    assert (recognizer.input, recognizer.output, recognizer.opset) == ("image", "out", 11)
    assert recognizer.normalization.mean == recognizer.normalization.std == (0.5, 0.5, 0.5)
    assert (detector.input, detector.output) == ("x", "sigmoid_0.tmp_0")
    assert detector.normalization.color == "bgr"
    assert detector.normalization.mean == (0.485, 0.456, 0.406)
    assert detector.normalization.std == (0.229, 0.224, 0.225)
    assert manifest.models.classifier is None
    assert manifest.origin.source == "det.onnx, rec.onnx"
    assert read_bundle(bundle.path) == bundle


def test_the_name_of_the_file_beside_it_may_be_the_models(tmp_path):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=4)
    (tmp_path / "rec.txt").write_bytes(b"a\nb\n")
    assert import_rec(tmp_path, rec).manifest.models.recognizer.characters == ("a", "b", " ")


def test_a_given_dictionary_goes_before_that_of_the_model(tmp_path):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=4, metadata={"character": "a\nb"})
    (tmp_path / "mine.txt").write_bytes(b"x\ny\n")
    bundle = import_rec(tmp_path, rec, dictionary=tmp_path / "mine.txt")
    assert bundle.manifest.models.recognizer.characters == ("x", "y", " ")
    assert OnnxModel(bundle.path / "recognizer.onnx").metadata["character"] == "x\ny"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb", ("a", "b")),
        ("a\nb\n", ("a", "b")),
        ("a\r\nb\r\n", ("a", "b")),
        ("\u3000\n \n\t\n", ("\u3000", " ", "\t")),
        ("a\u2028b\nc\x85\n\x0b\n\x1c", ("a\u2028b", "c\x85", "\x0b", "\x1c")),
        ("a\n\n", ("a", "")),
        (f"{FLAG}\n🇺🇳", (FLAG, "🇺🇳")),
    ],
)
def test_only_line_feeds_part_entries(text, expected):
    assert split_entries(text) == expected


def test_the_number_of_classes_tells_whether_a_space_is_missing(tmp_path):
    assert characters_for(4, ("a", "b"), tmp_path) == ("a", "b", " ")
    assert characters_for(4, ("a", "b", " "), tmp_path) == ("a", "b", " ")
    for count in (1, 4):
        with pytest.raises(
            BundleImportError, match=f"4 classes and its dictionary {count} entries; it must have 2, or 3"
        ):
            characters_for(4, tuple("abcd"[:count]), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.txt", b"a\n\nb\n", "entry 2 of the dictionary is empty"),
        ("d.txt", b"\xff\xff", "UTF-8"),
        ("d.yml", b"PostProcess: {}", "no list PostProcess.character_dict"),
        ("d.yml", b"PostProcess: [", "no list PostProcess.character_dict"),
        ("d.yml", b"- a", "no list PostProcess.character_dict"),
        ("d.yml", b"PostProcess: {character_dict: abc}", "is no list of texts"),
        ("absent.txt", None, "No such file"),
    ],
)
def test_dictionaries_that_cannot_be_used_are_refused(tmp_path, name, content, message):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=5)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BundleImportError, match=message):
        import_rec(tmp_path, rec, dictionary=tmp_path / name)


def test_a_recognizer_without_dictionary_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(BundleImportError, match=r"no dictionary.*inference\.yml, rec\.yml, rec\.yaml, rec\.txt"):
        import_rec(tmp_path, synthetic.recognizer(tmp_path / "rec.onnx", classes=5))


def test_yaml_is_needed_only_for_yaml(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "d.txt").write_text("a\nb\n")
    (tmp_path / "d.yml").write_text("PostProcess:\n  character_dict: [a]\n")
    assert read_dictionary(tmp_path / "d.txt") == ("a", "b")
    with pytest.raises(BundleImportError, match="install pyyaml"):
        read_dictionary(tmp_path / "d.yml")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_packages_for_importing_are_asked_for(tmp_path, monkeypatch, package):
    path = synthetic.detector(tmp_path / "det.onnx")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BundleImportError, match=f"needs the package {package}"):
        OnnxModel(path)


def test_scores_that_are_no_probabilities_are_logits(tmp_path):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=4, softmax=False, metadata={"character": "a\nb"})
    assert import_rec(tmp_path, rec).manifest.models.recognizer.output_kind == "logits"


def test_a_fixed_width_is_the_only_one(tmp_path):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=4, dims=("N", 3, 48, 320), metadata={"character": "a\nb"})
    assert import_rec(tmp_path, rec).manifest.models.recognizer.widths == (320,)


def test_what_was_found_can_be_overruled(tmp_path):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=4, metadata={"character": "a\nb"})
    half = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    models = import_rec(
        tmp_path,
        rec,
        cls=synthetic.classifier(tmp_path / "cls.onnx"),
        detector={"normalization": half, "resize": {"min_side": 64, "max_side": 640}, "threshold": 0.2},
        recognizer={"widths": [320, 640]},
        classifier={"height": 80, "width": 160},
        version="v1",
    ).manifest.models
    assert models.detector.normalization.mean == (0.5, 0.5, 0.5)
    assert (models.detector.resize.min_side, models.detector.resize.max_side) == (64, 640)
    assert models.detector.threshold == 0.2
    assert models.recognizer.widths == (320, 640)
    assert models.classifier is not None
    assert (models.classifier.height, models.classifier.width) == (80, 160)


def test_overruling_what_does_not_exist_is_refused(tmp_path):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=4, metadata={"character": "a\nb"})
    with pytest.raises(BundleImportError, match="tresh: Extra inputs"):
        import_rec(tmp_path, rec, detector={"tresh": 0.3})


def _exchanged(folder: Path) -> dict[str, Path]:
    return {
        "det": synthetic.recognizer(folder / "a.onnx", classes=4, metadata={"character": "a\nb"}),
        "rec": synthetic.detector(folder / "b.onnx"),
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(_exchanged, "must take any height and width", id="exchanged"),
        pytest.param(
            lambda f: {"det": synthetic.detector(f / "d.onnx", sigmoid=False)}, "with its sigmoid", id="no sigmoid"
        ),
        pytest.param(
            lambda f: {"det": synthetic.detector(f / "d.onnx", dims=("N", 3, 640, 640))}, "any height", id="fixed size"
        ),
        pytest.param(
            lambda f: {"det": synthetic.detector(f / "d.onnx", dims=(1, 3, "H", "W"))}, "any number", id="fixed batch"
        ),
        pytest.param(lambda f: {"rec": synthetic.detector(f / "r.onnx")}, "height of lines", id="rec is a detector"),
        pytest.param(
            lambda f: {"rec": synthetic.classifier(f / "r.onnx", dims=("N", 3, 48, "W"))},
            "gives N×T×C",
            id="rec is a classifier",
        ),
        pytest.param(
            lambda f: {"cls": synthetic.detector(f / "c.onnx")}, "direction classifier", id="cls is a detector"
        ),
        pytest.param(
            lambda f: {"cls": synthetic.classifier(f / "c.onnx", softmax=False)},
            "direction classifier",
            id="cls logits",
        ),
        pytest.param(lambda f: {"det": f / "absent.onnx"}, "not an ONNX file", id="absent"),
        pytest.param(lambda f: {"det": _text(f / "text.onnx")}, "not an ONNX file", id="no ONNX"),
    ],
)
def test_files_that_are_no_such_models_are_refused(tmp_path, files, message):
    good = {
        "det": synthetic.detector(tmp_path / "det.onnx"),
        "rec": synthetic.recognizer(tmp_path / "rec.onnx", classes=4, metadata={"character": "a\nb"}),
    }
    with pytest.raises(BundleImportError, match=message):
        import_ppocr(tmp_path / "bundle", name="imported", read=read_sample, **{**good, **files(tmp_path)})
    assert not (tmp_path / "bundle").exists()


def _text(path: Path) -> Path:
    path.write_text("no model")
    return path


def test_denormal_weights_become_zero(tmp_path):
    tiny = np.finfo(np.float32).tiny
    det = synthetic.detector(tmp_path / "det.onnx", weights=(1e-40, float(tiny), -1e-42))
    model = OnnxModel(det)
    batch = np.random.default_rng(1).normal(size=(1, 3, 8, 8)).astype(np.float32)
    before = model.run(batch)
    assert model.flush_denormals() == 2
    assert model.flush_denormals() == 0
    saved = onnx.load(model.save(tmp_path / "saved.onnx", {"role": "detector"}))
    assert numpy_helper.to_array(saved.graph.initializer[0]).ravel().tolist() == [0, tiny, 0]
    np.testing.assert_array_equal(model.run(batch), before)


def test_denormal_weights_in_constant_nodes_and_subgraphs_become_zero(tmp_path):
    model = OnnxModel(_conditional(tmp_path / "if.onnx"))
    assert model.flush_denormals() == 2
    assert OnnxModel(synthetic.classifier(tmp_path / "cls.onnx")).flush_denormals() == 2
    assert model.run(np.ones((1,), np.float32)).tolist() == [0]


def _conditional(path: Path) -> Path:
    def branch(name: str) -> onnx.GraphProto:
        value = numpy_helper.from_array(np.array([1e-40], np.float32), name)
        return onnx.helper.make_graph(
            [onnx.helper.make_node("Identity", [name], [f"{name}_out"])],
            name,
            [],
            [onnx.helper.make_tensor_value_info(f"{name}_out", onnx.TensorProto.FLOAT, [1])],
            [value],
        )

    nodes = [
        onnx.helper.make_node("Cast", ["x"], ["flag"], to=onnx.TensorProto.BOOL),
        onnx.helper.make_node("If", ["flag"], ["y"], then_branch=branch("a"), else_branch=branch("b")),
    ]
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph(nodes, "if", values[:1], values[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=7), str(path))
    return path


def test_imported_files_say_what_was_done_and_compute_the_same(tmp_path):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=4, metadata={"character": "a\nb"})
    original = rec.read_bytes()
    bundle = import_rec(tmp_path, rec, cls=synthetic.classifier(tmp_path / "cls.onnx"))
    assert rec.read_bytes() == original
    assert OnnxModel(bundle.path / "classifier.onnx").metadata == {"role": "classifier", "denormals_flushed": "2"}
    line = np.random.default_rng(0).normal(size=(2, 3, 48, 96)).astype(np.float32)
    outputs = [
        onnxruntime.InferenceSession(str(path)).run(None, {"x": line})[0]
        for path in (rec, bundle.path / "recognizer.onnx")
    ]
    np.testing.assert_array_equal(*outputs)


def test_importing_twice_gives_the_same_content(tmp_path):
    bundles = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        rec = synthetic.recognizer(folder / "rec.onnx", classes=4, metadata={"character": "a\nb"})
        bundles.append(import_rec(folder, rec).manifest)
    assert bundles[0].models == bundles[1].models
    assert bundles[0].version[-8:] == bundles[1].version[-8:]


def test_a_bundle_must_read_its_sample(tmp_path):
    rec = synthetic.recognizer(tmp_path / "rec.onnx", classes=4, metadata={"character": "a\nb"})
    with pytest.raises(BundleImportError, match="belong together"):
        import_rec(tmp_path, rec, read=lambda _: ("Tofa1 l2.g5",))
    with pytest.raises(BundleImportError, match="belong together"):
        import_rec(tmp_path, rec, read=lambda _: ())
    bundle = import_rec(tmp_path, rec, sample="abc", read=lambda _: ("- a b", "c"))
    assert bundle.manifest.golden.text == ("- a b", "c")
    assert bundle.manifest.models.recognizer.characters == ("a", "b", " ")
    with pytest.raises(BundleExistsError):
        import_rec(tmp_path, rec)


def test_the_golden_sample_is_compared(tmp_path):
    bundle = synthetic.write_small_bundle(tmp_path / "b")
    seen = []
    check_golden(bundle, lambda pixels: (seen.append(pixels), ("ab",))[1])
    np.testing.assert_array_equal(seen[0], draw_sample("ab"))
    with pytest.raises(BundleCorruptError, match=r"small@v1 reads its golden image as \['ac'\] and should"):
        check_golden(bundle, lambda pixels: ("ac",))


def test_a_golden_file_that_is_no_image_is_refused(tmp_path):
    bundle = synthetic.write_small_bundle(tmp_path / "b")
    (tmp_path / "b" / "golden.png").write_bytes(b"no image")
    with pytest.raises(BundleCorruptError, match="not an image"):
        golden_pixels(bundle)


def test_widths_ascend_without_gaps_that_cost(tmp_path):
    assert default_widths(48)[:3] == (32, 64, 96)
    assert default_widths(48)[-3:] == (1024, 1152, 1280)
    for height in (32, 48, 64):
        widths = np.array(default_widths(height))
        assert (np.diff(widths) <= 0.15 * widths[1:])[10:].all()
        assert 25 <= widths[-1] / height <= 30


def fill_models(folder: Path) -> Path:
    folder.mkdir(parents=True)
    synthetic.detector(folder / "PP-OCRv6_det_small.onnx")
    synthetic.recognizer(folder / "PP-OCRv6_rec_small.onnx", classes=4, metadata={"character": "a\nb"})
    synthetic.classifier(folder / "ch_ppocr_mobile_v2.0_cls_mobile.onnx")
    return folder


def test_the_models_of_the_rapidocr_package_are_found_without_importing_it(tmp_path, monkeypatch):
    fill_models(tmp_path / "site" / "rapidocr" / "models")
    (tmp_path / "site" / "rapidocr" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "site" / "rapidocr-3.9.1.dist-info").mkdir()
    (tmp_path / "site" / "rapidocr-3.9.1.dist-info" / "METADATA").write_text("Name: rapidocr\nVersion: 3.9.1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    manifest = import_rapidocr(tmp_path / "bundle", read=read_sample).manifest
    assert manifest.name == "ppocrv6"
    assert manifest.origin.source == "rapidocr 3.9.1"
    assert manifest.origin.licence == "Apache-2.0"
    assert manifest.models.classifier is not None
    assert "rapidocr" not in sys.modules


def test_the_models_of_rapidocr_may_lie_in_any_folder(tmp_path):
    models = fill_models(tmp_path / "models")
    assert import_rapidocr(tmp_path / "a", name="mine", models=models, read=read_sample).manifest.name == "mine"
    (models / "PP-OCRv6_rec_small.onnx").unlink()
    with pytest.raises(BundleImportError, match=r"has no PP-OCRv6_rec_small\.onnx"):
        import_rapidocr(tmp_path / "b", models=models, read=read_sample)


def test_a_missing_rapidocr_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BundleImportError, match="pip install --no-deps"):
        import_rapidocr(tmp_path / "bundle", read=read_sample)
