import numpy as np
import onnx
import pytest
from msgspec import structs

from export.bundles import quantize as module
from export.bundles.quantize import quantize
from stream.bundle.load import load
from stream.errors import BundleError, ModelError, UsageError
from stream.verify import bundle_parity, gate
from stream.verify.bundle_parity import Tolerance, named_graphs


@pytest.fixture(autouse=True)
def portraits(monkeypatch):
    """Calibration without a video: noise, as the small bundle's golden portraits are."""
    rng = np.random.default_rng(8)

    def cases(bundle, source, threads):
        shape = bundle.manifest.image.encoder.inputs[0].shape
        return [{"portrait": rng.normal(0, 1, shape).astype(np.float32)} for _ in range(8)]

    monkeypatch.setattr(module, "portrait_cases", cases)


def strict(bundle, **changes):
    tolerances = {p: structs.replace(t, **changes) for p, t in bundle_parity.USUAL.items()}
    return structs.replace(bundle, manifest=structs.replace(bundle.manifest, tolerances=tolerances))


def test_fp16_is_baked_into_every_graph(golden_bundle, tmp_path):
    lines = list(quantize(load(golden_bundle), tmp_path / "half", "fp16"))
    found = load(tmp_path / "half")
    assert found.manifest.name == "untrained-fp16"
    assert "--precision fp16" in found.manifest.provenance.command
    assert {g.precision for g in named_graphs(found).values()} == {"fp16"}
    for graph in named_graphs(found).values():
        model = onnx.load(found.path(graph.file))
        assert {w.data_type for w in model.graph.initializer} >= {onnx.TensorProto.FLOAT16}
        elements = {t.type.tensor_type.elem_type for t in (*model.graph.input, *model.graph.output)}
        assert onnx.TensorProto.FLOAT16 not in elements
    assert len(lines) == 6
    assert "keypoints, image, text, fusion, image_encoder in fp16" in lines[-1]
    assert not gate.is_reference(found, "cpu")
    assert bundle_parity.check(found).passed


def test_int8_leaves_the_fusion_alone(golden_bundle, tmp_path):
    bundle = load(golden_bundle)
    loose = strict(bundle, relative=0.5, cosine=0.9, confidence=0.2)
    list(quantize(loose, tmp_path / "int8", "int8", ["keypoints", "image_encoder"]))
    found = load(tmp_path / "int8")
    assert {n: g.precision for n, g in named_graphs(found).items()} == {
        "keypoints": "int8",
        "image": "fp32",
        "text": "fp32",
        "fusion": "fp32",
        "image_encoder": "int8",
    }
    operators = {node.op_type for node in onnx.load(found.path("keypoints.onnx")).graph.node}
    assert "MatMulInteger" in operators  # dynamic
    operators = {node.op_type for node in onnx.load(found.path("image_encoder.onnx")).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators  # static
    assert "MatMulInteger" not in operators
    assert found.path("keypoints.onnx").stat().st_size < bundle.path("keypoints.onnx").stat().st_size


def test_a_branch_that_does_not_pass_stays_float32(golden_bundle, tmp_path, monkeypatch):
    real = module.reduce

    def spoilt(path, out, precision, cases=()):
        real(path, out, precision, cases)
        if path.name.startswith("image."):
            model = onnx.load(out)
            for weights in model.graph.initializer:
                if len(weights.dims) == 2:
                    values = onnx.numpy_helper.to_array(weights) * 1.5
                    fresh = onnx.numpy_helper.from_array(values.astype(np.float16), weights.name)
                    weights.CopyFrom(fresh if weights.data_type == fresh.data_type else weights)
            onnx.save(model, out)

    monkeypatch.setattr(module, "reduce", spoilt)
    lines = list(quantize(load(golden_bundle), tmp_path / "half", "fp16", ["image", "text"]))
    refused = next(line for line in lines if line.startswith("image: "))
    assert "expected at most relative 0.02" in refused
    assert refused.endswith("it stays float32.")
    found = load(tmp_path / "half")
    assert named_graphs(found)["image"].precision == "fp32"
    assert named_graphs(found)["text"].precision == "fp16"
    assert found.path("image.onnx").read_bytes() == (golden_bundle / "image.onnx").read_bytes()


def test_nothing_is_written_when_nothing_passes(golden_bundle, tmp_path):
    impossible = strict(load(golden_bundle), relative=1e-12)
    with pytest.raises(ModelError, match="expected at least one branch that passes the gate in int8"):
        list(quantize(impossible, tmp_path / "out", "int8", ["text"]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("precision", "branch", "said"),
    [
        ("fp8", None, "--precision: expected fp16 or int8, found 'fp8'"),
        ("int8", ["fusion"], "--branch: expected some of keypoints, image, text, image_encoder for int8"),
        ("fp16", ["hands"], "found 'hands'"),
    ],
)
def test_wrong_options_are_one_sentence(golden_bundle, tmp_path, precision, branch, said):
    with pytest.raises(UsageError) as caught:
        list(quantize(load(golden_bundle), tmp_path / "out", precision, branch))
    assert said in str(caught.value)


def test_a_reduced_bundle_is_not_reduced_again(golden_bundle, tmp_path):
    list(quantize(load(golden_bundle), tmp_path / "half", "fp16", ["text"]))
    with pytest.raises(UsageError, match="expected text in float32, found fp16"):
        list(quantize(load(tmp_path / "half"), tmp_path / "out", "int8", ["text"]))


def test_without_golden_tensors_nothing_can_be_judged(bundle, tmp_path):
    with pytest.raises(BundleError, match="undertone-export golden"):
        list(quantize(load(bundle), tmp_path / "out", "fp16"))


def test_tolerances_must_make_sense():
    with pytest.raises(ValueError, match="tolerances must be positive"):
        Tolerance(relative=0.1, cosine=1.1, confidence=0.1)
