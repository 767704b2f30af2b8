import hashlib

import numpy as np
import pytest

from export.lowering.module_parity import random_cases, session
from stream.bundle.load import load
from stream.bundle.manifest import BRANCHES, Window


def test_bundle_has_the_contracts_tensors(bundle):
    manifest = load(bundle).manifest
    mode, window = manifest.modes["full"], manifest.window
    shapes = {t.name: t.shape for t in mode.branches["keypoints"].inputs}
    assert shapes == {
        **{name: (1, window.poses, width) for name, width in window.widths.items()},
        **{f"{name}_mask": (1, window.poses) for name in window.widths},
    }
    image = {t.name: t.shape for t in mode.branches["image"].inputs}
    assert image == {"features": (1, 12, 16), "feature_mask": (1, 12)}
    assert [t.name for t in mode.branches["text"].inputs] == ["ids", "ids_mask"]
    assert [t.name for t in mode.fusion.inputs] == [*BRANCHES, "present"]
    assert mode.fusion.outputs[0].shape == (1, 1)
    assert manifest.image.encoder.inputs[0].shape == (1, 3, 28, 28)
    assert manifest.image.encoder.outputs[0].shape == (1, 16)


def test_standard_operators_and_no_trace_of_this_machine(bundle):
    import onnx

    for path in bundle.glob("*.onnx"):
        model = onnx.load(path)
        assert {node.domain for node in model.graph.node} <= {""}
        assert model.opset_import[0].version >= 18
        assert not any(p.data_location == onnx.TensorProto.EXTERNAL for p in model.graph.initializer)
        assert b'File "' not in path.read_bytes()


def test_onnx_fusion_ignores_an_absent_input(bundle):
    runner = session(bundle / "fusion.onnx")
    case = random_cases(load(bundle).manifest.modes["full"].fusion)[0]
    case["present"][0, 1] = False
    first = runner.run(None, case)[0]
    case["image"][:] = 123.0
    assert np.array_equal(first, runner.run(None, case)[0])


def test_same_seed_same_files_other_seed_others(tmp_path, bundle):
    from export.bundles.untrained import write_untrained

    window = Window(poses=60, features=12)
    digest = [
        hashlib.sha256((write_untrained(tmp_path / str(i), window, dim=16, seed=s, image=False, text=False)
                        / "keypoints.onnx").read_bytes()).hexdigest()
        for i, s in enumerate((1, 1, 2))
    ]  # fmt: skip
    assert digest[0] == digest[1] != digest[2]
    manifest = load(tmp_path / "0").manifest
    assert set(manifest.modes["full"].branches) == {"keypoints"}
    assert manifest.image is None
    assert manifest.text is None


def test_portrait_size_must_fit_the_patches(tmp_path):
    from export.bundles.untrained import write_untrained

    with pytest.raises(ValueError, match="multiple of 14"):
        write_untrained(tmp_path / "x", size=50)
