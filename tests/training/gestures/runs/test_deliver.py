"""A delivery: graphs that say what was trained, and nothing else of the user's is touched."""

import msgspec
import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file

from stream.errors import UsageError
from training.gestures.runs.deliver import Card, deliver

pytestmark = pytest.mark.slow


def test_a_delivery_says_what_was_trained(run_recipe, ground, finished_run, tmp_path):
    out = tmp_path / "delivered"
    lines: list[str] = []
    out.mkdir()
    (out / "gesture.json").write_text("{}")  # an earlier delivery is replaced
    (out / "gesture-old.onnx").write_bytes(b"")
    deliver(finished_run[0], ground, out, lines.append)
    assert not (out / "gesture-old.onnx").exists()
    card = msgspec.json.decode((out / "gesture.json").read_bytes(), type=Card)
    assert card.simulated
    assert "no real-world meaning" in card.notice
    assert len(card.classes) == 32
    assert len(card.points) == 36
    assert set(card.graphs) == set(run_recipe.branches)
    assert card.views == {"swin3d": "saliency", "r2plus1d": "portrait"}
    golden = load_file(out / "golden.safetensors")
    for name, graph in card.graphs.items():
        session = onnxruntime.InferenceSession(str(out / graph.file), providers=["CPUExecutionProvider"])
        for clip, expected in zip(golden[f"{name}.clip"], golden[f"{name}.logits"], strict=True):
            (found,) = session.run(None, {"clip": clip[None]})
            np.testing.assert_allclose(found[0], expected, atol=1e-3, rtol=1e-3)
    assert "gesture-joints.onnx: worst relative error" in " ".join(lines)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="expected an empty folder or an earlier delivery"):
        deliver(finished_run[0], ground, tmp_path / "mine")
    assert not list(tmp_path.glob(".delivered*"))
