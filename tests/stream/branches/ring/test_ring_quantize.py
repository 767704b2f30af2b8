"""The ring mode in lower precisions: parts, what the gate says of them, and what stays float32."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec import structs

from export.bundles import quantize as module
from export.bundles.quantize import parts, quantize
from stream.bundle.load import Bundle, load
from stream.bundle.manifest import Graph
from stream.errors import UsageError
from stream.verify import bundle_parity, gate

pytestmark = pytest.mark.slow


def graphs(bundle: Bundle, name: str) -> list[Graph]:
    """Steps of a branch of the ring, then its readout."""
    mode = bundle.manifest.modes["ring"]
    return [*mode.steps[name].graphs.values(), mode.branches[name]]


def loose(bundle: Bundle) -> Bundle:
    """A network as small as these is worse off in int8 than one of the true size."""
    allowed = structs.replace(bundle_parity.USUAL["int8"], relative=0.3, cosine=0.95, confidence=0.05)
    return structs.replace(bundle, manifest=structs.replace(bundle.manifest, tolerances={"int8": allowed}))


def test_float16_reduces_every_graph_of_both_modes(proven: Bundle, tmp_path: Path) -> None:
    lines = list(quantize(proven, tmp_path / "half", "fp16"))
    found = load(tmp_path / "half")
    wanted = ["keypoints", "image", "text", "fusion", "image_encoder"]
    wanted += ["ring-keypoints", "ring-image", "ring-fusion"]
    assert [line.split(":")[0] for line in lines[:-1]] == wanted
    assert f"{', '.join(wanted)} in fp16" in lines[-1]
    full, ring = found.manifest.modes["full"], found.manifest.modes["ring"]
    assert full.branches["text"] == ring.branches["text"]  # one file, marked alike
    assert full.branches["text"].precision == "fp16"
    for name in ("keypoints", "image"):
        for graph in graphs(found, name):
            assert graph.precision == "fp16"
            model = onnx.load(found.path(graph.file))
            assert onnx.TensorProto.FLOAT16 in {w.data_type for w in model.graph.initializer}
            elements = {t.type.tensor_type.elem_type for t in (*model.graph.input, *model.graph.output)}
            assert onnx.TensorProto.FLOAT16 not in elements  # caches, phases, bias and masks come as before
    assert not gate.is_reference(found, "cpu")
    report = bundle_parity.check(found)
    assert report.passed
    assert {d.precision for d in report.graphs} == {"fp16"}


def test_int8_takes_the_steps_and_leaves_readout_and_fusion(proven: Bundle, tmp_path: Path) -> None:
    list(quantize(loose(proven), tmp_path / "int8", "int8", ["ring-keypoints", "ring-image"]))
    found = load(tmp_path / "int8")
    for name in ("keypoints", "image"):
        *steps, readout = graphs(found, name)
        assert {graph.precision for graph in steps} == {"int8"}
        assert readout.precision == "fp32"
        for graph in steps:
            nodes = [node.op_type for node in onnx.load(found.path(graph.file)).graph.node]
            assert "MatMulInteger" in nodes
            assert found.path(graph.file).stat().st_size < proven.path(graph.file).stat().st_size
    assert found.manifest.modes["ring"].fusion.precision == "fp32"
    assert found.manifest.modes["full"] == proven.manifest.modes["full"]
    said = {d.graph: d for d in bundle_parity.check(found).graphs}
    assert said["ring-keypoints"].precision == "int8"
    assert said["ring-keypoints"].relative > 1e-4  # it ran
    assert said["keypoints"].relative < 1e-6


@pytest.mark.parametrize("hop", [1, 5, 25])
def test_one_hop_that_is_wrong_leaves_the_branch_in_float32(
    proven: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hop: int
) -> None:
    real, wrong = module.reduce, proven.manifest.modes["ring"].steps["keypoints"].graphs[hop].file

    def spoilt(path: Path, out: Path, *rest: object) -> None:
        real(path, out, *rest)  # type: ignore[arg-type]
        if path.name == wrong:
            model = onnx.load(out)
            for held in model.graph.initializer:
                if len(held.dims) == 2 and held.data_type == onnx.TensorProto.FLOAT16:
                    values = onnx.numpy_helper.to_array(held) * np.float16(1.5)
                    held.CopyFrom(onnx.numpy_helper.from_array(values, held.name))
            onnx.save(model, out)

    monkeypatch.setattr(module, "reduce", spoilt)
    lines = list(quantize(proven, tmp_path / "half", "fp16", ["ring-keypoints", "ring-fusion"]))
    assert lines[0].startswith("ring-keypoints: expected at most relative 0.02")
    assert lines[0].endswith("it stays float32.")
    found = load(tmp_path / "half")
    for graph in graphs(found, "keypoints"):
        assert graph.precision == "fp32"
        assert found.path(graph.file).read_bytes() == proven.path(graph.file).read_bytes()
    assert found.manifest.modes["ring"].fusion.precision == "fp16"


def test_what_both_modes_read_is_one_part(both: Bundle) -> None:
    found = parts(both, "fp16")
    assert set(found) == {
        *("keypoints", "image", "text", "fusion", "image_encoder"),
        *("ring-keypoints", "ring-image"),
    }
    assert found["text"].report_names == ("text", "ring-text")
    assert found["fusion"].report_names == ("fusion", "ring-fusion")
    marked = module.with_precision(both.manifest, found["fusion"].files, "fp16").modes
    assert {mode.fusion.precision for mode in marked.values()} == {"fp16"}


def test_wrong_names_and_reduced_rings_are_one_sentence(proven: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ring-keypoints, ring-image for int8, found 'ring-fusion'"):
        list(quantize(proven, tmp_path / "out", "int8", ["ring-fusion"]))
    steps = proven.manifest.modes["ring"].steps["image"].graphs
    half = module.with_precision(proven.manifest, [steps[5].file], "fp16")
    with pytest.raises(UsageError, match="expected ring-image in float32, found fp16"):
        list(quantize(structs.replace(proven, manifest=half), tmp_path / "out", "int8", ["ring-image"]))
