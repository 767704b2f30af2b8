"""Exported front ends bring golden outputs; `check`, `engines` and `watch` hold them against these."""

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from export.__main__ import app
from export.commands.check import check, subjects
from export.commands.engines import build, open_batches
from export.frontends.detector import export_detector
from export.frontends.image import export_image
from export.frontends.wholebody import export_wholebody
from export.lowering.operators import unsupported
from stream.bundle.model_card import card_file, card_of, read
from stream.cli.app import app as undertone
from stream.errors import ModelError, ProviderError, UsageError
from stream.files import sha256_of
from stream.inference.engine import _session
from stream.inference.tensorrt_cache import Machine
from stream.verify import gate, model_parity
from stream.verify.bundle_parity import Report

pytestmark = pytest.mark.slow

SMALL = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 2}
MACHINE = Machine(
    tensorrt="10.16.1", cuda="13.0", driver="580.65.06", gpu="NVIDIA H200", sm="9.0", onnxruntime="1.31.1"
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, rtmw, dinov2, ultralytics):
    """One of each: detector and encoder in float16, whole-body points as they are."""
    out = tmp_path_factory.mktemp("models")
    dinov2(tmp_path_factory.mktemp("dinov2") / "small", image_size=112, **SMALL)
    source = next(tmp_path_factory.getbasetemp().glob("dinov2*/small"))
    export_image(str(source), out, size=112, precision="fp16")
    export_detector("yolo11n.yaml", out, size=(160, 96), precision="fp16")
    export_wholebody(str(rtmw), out)
    return out


def altered(path, to):
    """The model with other weights, and a card that knows them: wrong in silence."""
    for file in path.parent.glob(f"{path.stem}*"):
        shutil.copy(file, to)
    copy = to / path.name
    model = onnx.load(copy)
    for weights in model.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.ndim > 1 and values.dtype.kind == "f":
            weights.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[::-1]), weights.name))
    onnx.save(model, copy)
    card = msgspec.structs.replace(card_of(path), sha256=sha256_of(copy), size=copy.stat().st_size)
    card_file(copy).write_bytes(msgspec.json.encode(card))
    return copy


def test_a_folder_of_models_passes_on_the_cpu(folder, tmp_path):
    done = CliRunner().invoke(app, ["check", str(folder), "--report", str(tmp_path / "gate.json")])
    assert done.exit_code == 0, done.output
    reports = {r["bundle"]: r for r in json.loads((tmp_path / "gate.json").read_text())}
    assert {name: [d["graph"] for d in r["graphs"]] for name, r in reports.items()} == {
        "rtmw-like": ["x", "y"],
        "small-112-cls-fp16": ["vector"],
        "yolo11n-160x96-fp16": ["boxes", "scores"],
    }
    assert all(r["passed"] and d["cases"] == 2 for r in reports.values() for d in r["graphs"])
    assert reports["rtmw-like"]["estimates"] > 100, "visible points"
    assert reports["rtmw-like"]["drift"] == 0
    assert len(list((tmp_path / "cache" / "gate").glob("*.json"))) == 3
    assert max(p.stat().st_size for p in folder.glob("*.golden.npz")) < 2e6


def test_one_model_and_its_report_in_words(folder, tmp_path):
    target = folder / "yolo11n-160x96-fp16.onnx"
    done = CliRunner().invoke(app, ["check", str(target), "--report", str(tmp_path / "gate.md")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "gate.md").read_text().startswith("# yolo11n-160x96-fp16 on cpu: passed")
    assert "matches its card" in done.output


@pytest.mark.parametrize("name", ["yolo11n-160x96-fp16", "small-112-cls-fp16", "rtmw-like"])
def test_other_weights_fail_the_gate(folder, tmp_path, name):
    with pytest.raises(ProviderError, match=f"expected the golden outputs of model {name}, found others"):
        list(check(subjects(altered(folder / f"{name}.onnx", tmp_path)), "cpu"))


def test_watch_refuses_what_fails_and_says_where_the_report_is(folder, tmp_path, cache):
    detector = altered(folder / "yolo11n-160x96-fp16.onnx", tmp_path)
    arguments = ["watch", "demo", "--publish", "tcp://127.0.0.1:0"]
    arguments += ["--detector", "yolo", "--detector-model", str(detector)]
    for _ in range(2):  # found out, then read
        error = CliRunner().invoke(undertone, arguments).exception
        assert isinstance(error, ProviderError)
        (report,) = (cache / "gate").glob("*.json")
        assert str(report) in str(error)
        assert json.loads(report.read_text())["passed"] is False


class TensorRT:
    """Stands in for ONNX Runtime's provider."""

    def __init__(self):
        self.built = {}

    def __call__(self, graph, place, timings, one):
        self.built[graph.name] = list(one)
        node = helper.make_node("EPContext", [], ["y"], domain="com.microsoft", ep_cache_context=graph.name)
        domains = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(helper.make_graph([node], "e", [], []), opset_imports=domains), place)


def verdict(asked, passed=True):
    def prove(subject, provider):
        asked.append((subject.name, provider))
        known = {"sha256": subject.sha256, "provider": provider, "machine": "", "about": {}, "created": ""}
        report = Report(
            bundle=subject.name, seconds=1.0, graphs=(), estimates=0, unit="pixels",
            drift=0.0 if passed else 9.0, allowed=1.0, passed=passed, **known,
        )  # fmt: skip
        return report, Path("/reports/gate.json")

    return prove


def test_engines_of_a_folder_of_models_and_the_gate_on_each(folder):
    tensorrt, asked = TensorRT(), []
    lines = list(build(subjects(folder), detect=lambda: MACHINE, compiler=tensorrt, run_gate=verdict(asked)))
    names = ["rtmw-like", "small-112-cls-fp16", "yolo11n-160x96-fp16"]
    assert asked == [(name, "tensorrt") for name in names]
    assert tensorrt.built == {"rtmw-like.onnx": ["batch"], **{f"{name}.onnx": [] for name in names[1:]}}
    assert sum("passed the gate on tensorrt" in line for line in lines) == 3
    with pytest.raises(ProviderError, match=r"model rtmw-like, found others from places off by 9 pixels"):
        list(
            build(subjects(folder), detect=lambda: MACHINE, compiler=tensorrt, run_gate=verdict(asked, False))
        )


def test_an_open_batch_is_one_picture(folder):
    path = folder / "rtmw-like.onnx"
    assert unsupported(path) == []
    assert open_batches(path) == ["batch"]
    for one, shape in (((), "batch"), (("batch",), 1)):
        assert _session(path, "cpu", 1, None, one).get_inputs()[0].shape[0] == shape


def test_a_model_without_golden_answers_gets_no_engine(folder):
    model = model_parity.open_model(folder / "rtmw-like.onnx")
    bare = model_parity.Model(model.path, msgspec.structs.replace(model.card, golden=None))
    with pytest.raises(ModelError, match="expected golden outputs to prove its engine with"):
        list(build([bare], detect=lambda: MACHINE, compiler=TensorRT(), run_gate=verdict([])))


def test_neither_bundle_nor_models(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"x")
    with pytest.raises(
        UsageError, match=r"expected a bundle, a model that .* or a folder of such, found none"
    ):
        subjects(tmp_path)
    with pytest.raises(ModelError, match="expected the model's card beside it"):
        subjects(tmp_path / "x.onnx")


def outside(folder, location):
    """An encoder that keeps its weights in a file of their own."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4], np.ones(4, np.float32).tobytes(), raw=True)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["portrait", "w"], ["feature"])],
        "g",
        [value("portrait", TensorProto.FLOAT, [4])],
        [value("feature", TensorProto.FLOAT, [4])],
        [weight],
    )
    path = folder / "encoder.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def with_card(path, like, **changes):
    fields = {"file": path.name, "sha256": sha256_of(path), "size": path.stat().st_size}
    card_file(path).write_bytes(msgspec.json.encode(msgspec.structs.replace(like, **fields, **changes)))


def test_weights_beside_a_model_are_those_of_its_card(folder, tmp_path):
    like = card_of(folder / "small-112-cls-fp16.onnx")
    path = outside(tmp_path, "encoder.onnx.data")
    (tmp_path / "encoder.onnx.data").write_bytes(b"1234" * 4)
    with_card(path, like)
    with pytest.raises(ModelError, match=r"expected encoder\.onnx\.data beside it with sha256 in its card"):
        card_of(path)
    with_card(path, like, weights={"encoder.onnx.data": sha256_of(tmp_path / "encoder.onnx.data")})
    card_of(path)
    (tmp_path / "encoder.onnx.data").write_bytes(b"4321" * 4)
    with pytest.raises(ModelError, match=r"encoder\.onnx\.data beside it with sha256 [0-9a-f]{12}"):
        card_of(path)


@pytest.mark.parametrize("location", ["/etc/passwd", "../weights"])
def test_weights_outside_are_refused_before_anything_is_opened(folder, tmp_path, location):
    path = outside(tmp_path, location)
    with_card(path, card_of(folder / "small-112-cls-fp16.onnx"))
    with pytest.raises(ModelError, match="expected weights in plain files inside"):
        card_of(path, "image")
    for arguments in (["watch", "demo", "--image", str(path)], ["inspect", "demo", "--image", str(path)]):
        error = CliRunner().invoke(undertone, arguments).exception
        assert isinstance(error, ModelError), error
        assert "do not use this file" in str(error)
    with pytest.raises(ModelError, match="expected weights in plain files inside"):
        export_wholebody(str(path), tmp_path / "out")


def test_a_whole_body_file_holds_its_weights_itself(tmp_path):
    path = outside(tmp_path, "encoder.onnx.data")
    (tmp_path / "encoder.onnx.data").write_bytes(b"1234" * 4)
    with pytest.raises(ModelError, match="expected a file that holds its weights"):
        export_wholebody(str(path), tmp_path / "out")


def test_inspect_with_all_three(folder, holistic_files, tmp_path, monkeypatch):
    monkeypatch.delenv("UNDERTONE_CACHE")
    arguments = ["inspect", "demo", "--json", "--image", str(folder / "small-112-cls-fp16.onnx")]
    monkeypatch.setattr(gate, "cache_dir", lambda: tmp_path / "cache")
    found = json.loads(CliRunner().invoke(undertone, arguments).stdout)
    assert len(found["image"]) == 96
    assert found["timings_ms"]["image"] > 0
    arguments += ["--detector", "yolo", "--detector-model", str(folder / "yolo11n-160x96-fp16.onnx")]
    arguments += ["--keypoints", "wholebody", "--keypoints-model", str(folder / "rtmw-like.onnx")]
    found = json.loads(CliRunner().invoke(undertone, arguments).stdout)
    assert (found["portrait"], found["image"]) == (None, None), "random weights find nobody"
    assert "wholebody" in found["timings_ms"]


def test_what_a_card_says_of_its_golden_answers(folder):
    for path in folder.glob("*.onnx"):
        golden = read(card_file(path)).golden
        assert golden is not None
        assert golden.file == f"{path.stem}.golden.npz"
        whole = "the file itself" if path.stem == "rtmw-like" else "the network in float32, torch"
        assert golden.outputs.startswith(whole)
