import onnx
import pytest
import torch
from msgspec import structs
from torch import nn

from export.bundles.write import copied
from export.lowering.module_parity import random_cases, session
from export.lowering.to_onnx import export
from stream.bundle import external_data
from stream.bundle.load import demo_bundle, load
from stream.errors import BundleError


@pytest.mark.parametrize("where", ["demo", "small"])
def test_every_file_has_opset_18_and_fixed_shapes(where, bundle):
    folder = demo_bundle() if where == "demo" else bundle
    paths = sorted(folder.glob("*.onnx"))
    assert len(paths) == (14 if where == "demo" else 5)
    for path in paths:
        model = onnx.load(path)
        assert [(o.domain, o.version >= 18) for o in model.opset_import] == [("", True)]
        for value in (*model.graph.input, *model.graph.output):
            dims = value.type.tensor_type.shape.dim
            assert len(dims) > 0
            assert all(d.WhichOneof("value") == "dim_value" and d.dim_value > 0 for d in dims), value.name


@pytest.fixture
def large(tmp_path):
    """A graph whose weights are too many for its file, or so it was told."""
    module = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 8))
    path = tmp_path / "large" / "large.onnx"
    path.parent.mkdir()
    graph = export(module, {"x": torch.randn(1, 64)}, "y", path, largest=1000)
    return module, graph, path


@torch.no_grad()
def test_many_weights_lie_beside_the_graph(large):
    module, graph, path = large
    assert {p.name for p in path.parent.iterdir()} == {"large.onnx", "large.onnx.data"}
    assert path.stat().st_size < (path.parent / "large.onnx.data").stat().st_size
    assert external_data.check(path, path.parent) == {"large.onnx.data"}
    case = random_cases(graph)[0]
    expected = module(torch.from_numpy(case["x"]))
    torch.testing.assert_close(torch.from_numpy(session(path).run(None, case)[0]), expected)


def with_graph(bundle, folder, path):
    """A bundle whose fusion is another graph file."""

    def change(fresh):
        for part in path.parent.iterdir():
            (fresh / part.name).write_bytes(part.read_bytes())
        manifest = bundle.manifest
        mode = manifest.modes["full"]
        mode = structs.replace(mode, fusion=structs.replace(mode.fusion, file=path.name))
        return structs.replace(manifest, modes={"full": mode})

    return copied(bundle, folder, change)


def test_weights_beside_a_graph_are_hashed_and_must_be_there(large, bundle, tmp_path):
    found = with_graph(load(bundle), tmp_path / "bundle", large[2])
    assert "large.onnx.data" in found.manifest.files
    data = found.path("large.onnx.data")
    raw = bytearray(data.read_bytes())
    raw[0] ^= 1
    data.write_bytes(raw)
    with pytest.raises(BundleError, match=r"large\.onnx\.data: expected sha256"):
        load(found.folder)
    data.unlink()
    with pytest.raises(BundleError, match=r"large\.onnx\.data: expected this file"):
        load(found.folder)


@pytest.mark.parametrize("location", ["/etc/hostname", "../outside.data"])
def test_a_graph_with_weights_outside_is_not_taken_into_a_bundle(large, bundle, tmp_path, location):
    path = large[2]
    model = onnx.load(path, load_external_data=False)
    for weights in model.graph.initializer:
        for entry in weights.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BundleError, match="expected weights in plain files inside"):
        with_graph(load(bundle), tmp_path / "bundle", path)
    assert not (tmp_path / "bundle").exists()
