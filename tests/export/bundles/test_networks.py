"""All networks of one mode: their traced inputs, their graphs, and the modules in the place of graphs."""

import numpy as np
import pytest
import torch

from export.bundles.networks import ModuleRunner, Networks, module_runners, traced_inputs, write_graphs
from export.lowering.module_parity import session
from export.modules.branches import Fusion
from stream.branches.full_mode import FullMode
from stream.branches.image import ImageEncoder
from stream.bundle.load import load
from stream.bundle.manifest import Window
from stream.verify import golden
from stream.verify.answers import compute_answers


@pytest.mark.slow
def test_the_modules_answer_as_their_graphs_do(golden_bundle):
    """Another runtime than the one that made the golden tensors: torch in the place of ONNX Runtime."""
    from export.bundles.untrained import _networks, _tokenizer

    bundle = load(golden_bundle)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = _networks(bundle.manifest.window, 16, 16, True, True, 28, _tokenizer().get_vocab_size())
    mode = bundle.manifest.modes["full"]
    graphs = {**mode.branches, "fusion": mode.fusion}
    runners = {name: ModuleRunner(getattr(networks, name), graph) for name, graph in graphs.items()}
    (clip,) = golden.load(bundle)
    encode = ImageEncoder(bundle, bundle.manifest.image)
    said = compute_answers(bundle, FullMode(bundle, runners=runners), encode, clip.inputs)
    for name, vectors in clip.answers.vectors.items():
        assert abs(said.vectors[name] - vectors).max() < 1e-5, name
    assert abs(said.wins - clip.answers.wins).max() < 1e-5


SMALL = Window(poses=20, features=4)


def fusion_only(**more):
    return Networks(window=SMALL, out=8, fusion=Fusion(8).eval(), **more)


@pytest.mark.parametrize("given", ["image", "portrait"])
def test_an_image_branch_and_its_encoder_come_together(given):
    with pytest.raises(ValueError, match="an image branch needs its portrait encoder"):
        fusion_only(**{given: torch.nn.Identity()})


def test_traced_inputs_have_the_window_s_shapes_in_the_order_of_forward():
    found = traced_inputs(fusion_only(feature_dim=16, portrait_px=28, text_length=32))
    shapes = {name: {k: tuple(v.shape) for k, v in inputs.items()} for name, inputs in found.items()}
    assert list(found["keypoints"]) == ["body", "face", "hands", "body_mask", "face_mask", "hands_mask"]
    assert shapes["keypoints"]["body"] == (1, 20, SMALL.widths["body"])
    assert shapes["image"] == {"features": (1, 4, 16), "feature_mask": (1, 4)}
    assert shapes["text"] == {"ids": (1, 32), "ids_mask": (1, 32)}
    assert shapes["fusion"] == {**dict.fromkeys(("keypoints", "image", "text"), (1, 8)), "present": (1, 3)}
    assert shapes["image_encoder"] == {"portrait": (1, 3, 28, 28)}


def test_the_same_networks_are_traced_on_the_same_numbers():
    first, second = (
        traced_inputs(fusion_only(feature_dim=4, portrait_px=14, text_length=8)) for _ in range(2)
    )
    assert torch.equal(first["keypoints"]["body"], second["keypoints"]["body"])


def test_a_branch_that_is_not_there_has_no_graph_and_the_fusion_is_held_against_its_module(tmp_path):
    networks = fusion_only(feature_dim=4, portrait_px=14, text_length=8)
    written = write_graphs(networks, tmp_path)
    assert (written.branches, written.encoder) == ({}, None)
    assert [path.name for path in tmp_path.iterdir()] == ["fusion.onnx"]
    (report,) = written.reports
    assert report.file == "fusion.onnx"
    assert report.worst < 1e-5
    assert set(module_runners(networks, written)) == {"fusion"}


def test_a_module_stands_in_for_its_graph_whatever_the_order_of_its_inputs(tmp_path):
    networks = fusion_only(feature_dim=4, portrait_px=14, text_length=8)
    graph = write_graphs(networks, tmp_path).fusion
    inputs = {name: value.numpy() for name, value in traced_inputs(networks)["fusion"].items()}
    (expected,) = session(tmp_path / graph.file).run(None, inputs)
    (found,) = ModuleRunner(networks.fusion, graph)(**dict(reversed(inputs.items())))
    np.testing.assert_allclose(found, expected, atol=1e-5)
