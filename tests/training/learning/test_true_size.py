"""Keypoint and image branch at the paper's sizes, 4000 poses and 800 features, against torch on windows that
were not traced. Random weights; BERT-Base, DINOv2-Base and YOLO11x have theirs beside the exporters' tests.

ONNX Runtime's CPU provider computes float16 in float32: what float16 sums cost is for a GPU to show.
"""

import numpy as np
import onnx
import pytest
import torch
from msgspec import structs

from export.bundles.networks import Networks, traced_inputs
from export.frontends.write_model import difference
from export.lowering import precision
from export.lowering.module_parity import random_cases, session
from export.lowering.operators import unsupported
from export.lowering.to_onnx import export
from training import config
from training.model.fused import Fused

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # half a minute of work; a busy machine is no failure
]


@pytest.fixture(scope="module")
def networks():
    """The paper's recipe with random weights and as fitted to made-up values."""
    recipe = config.load("paper")
    torch.manual_seed(0)
    small = structs.replace(recipe.model.text, source="", dim=16, layers=1, heads=1, feedforward=16)
    model = Fused(structs.replace(recipe.model, text=small), recipe.window, 10).eval()
    for name, spatial in model.keypoints.spatial.items():
        spatial.fit(torch.from_numpy(moving(0, recipe.window, 500)[name][0]), recipe.window.values)
    return Networks(
        window=recipe.window,
        out=recipe.model.out,
        fusion=model.fusion,
        keypoints=model.keypoints,
        image=model.image,
        portrait=torch.nn.Identity(),
        feature_dim=recipe.model.image_features,
    )


def moving(seed, window, rows):
    """Somebody who sways: places within the box and how far they were from where they had been."""
    rng, found = np.random.default_rng(seed), {}
    for name, width in window.widths.items():
        points = width // window.values
        walk = np.cumsum(rng.normal(0, 0.004, (rows, points, 2)), axis=0)
        place = rng.uniform(0.2, 0.8, (points, 2)) + 0.1 * np.tanh(walk)
        away = [place - np.roll(place, offset, axis=0) for offset in window.offsets]
        found[name] = np.concatenate((place, *away), axis=2).reshape(1, rows, width).astype(np.float32)
    return found


def unseen(branch, graph, window):
    """A full window, of somebody who moves, and noise with gaps in it."""
    full, _, gaps, _, _ = random_cases(graph, seed=99)
    return [full | moving(7, window, window.poses) if branch == "keypoints" else full, gaps]


@pytest.mark.parametrize(("branch", "size"), [("keypoints", 2.8e6), ("image", 1.8e6)])
def test_a_branch_of_the_true_size(networks, branch, size, tmp_path):
    module, window = getattr(networks, branch), networks.window
    assert (window.poses, window.features) == (4000, 800)
    assert sum(p.numel() for p in module.parameters()) > size, "not the true size"
    path = tmp_path / f"{branch}.onnx"
    graph = export(module, traced_inputs(networks)[branch], "vector", path)
    cases, names = unseen(branch, graph, window), [t.name for t in graph.inputs]
    with torch.inference_mode():
        expected = [module(*(torch.from_numpy(case[name]) for name in names)).numpy() for case in cases]
    assert difference(*expected)[0] > 1e-2, "windows must differ"
    onnx.save(precision.fp16(onnx.load(path)), tmp_path / "half.onnx")
    assert (tmp_path / "half.onnx").stat().st_size < 0.6 * path.stat().st_size
    for file, good in ((path, lambda a, b: difference(a, b)[0] <= 1e-4), (tmp_path / "half.onnx", alike)):
        assert unsupported(file) == []
        run = session(file, threads=2)
        for case, want in list(zip(cases, expected, strict=True))[: 1 if file.stem == "half" else 2]:
            (found,) = run.run(None, case)
            assert good(want, found), difference(want, found)


def alike(expected, found):
    return difference(expected, found)[1] >= 0.9999
