"""Graph layers against plain loops over nodes and neighbours, written from the papers' formulas."""

import math

import numpy as np
import pytest
import torch

from stream.skeleton import BONES, GROUPS, INDEX
from training.model.graph import LAYERS, Gat, Gcn, Gin, adjacency

INTO, OUT = 3, 8


def neighbours(group):
    """Bones as lists, from the skeleton's data alone."""
    part = GROUPS[group]
    found = {i: set() for i in range(part.stop - part.start)}
    for a, b in BONES:
        if part.start <= a < part.stop:
            found[a - part.start].add(b - part.start)
            found[b - part.start].add(a - part.start)
    return found


def made(kind, group):
    """A layer with every parameter away from its start, as numpy, and one input."""
    torch.manual_seed(1)
    layer = LAYERS[kind](adjacency(group), INTO, OUT)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter))
    weights = {name: p.detach().double().numpy() for name, p in layer.named_parameters()}
    x = np.random.default_rng(2).normal(size=(len(neighbours(group)), INTO))
    with torch.no_grad():
        found = layer(torch.from_numpy(x).float()[None, None].expand(2, 3, -1, -1))
    assert found.shape == (2, 3, len(x), OUT)
    torch.testing.assert_close(found[0, 0], found[1, 2])
    return weights, x, found[0, 0].numpy()


def close(found, expected):
    np.testing.assert_allclose(found, np.array(expected), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("group", GROUPS)
def test_adjacency_holds_the_bones_and_nothing_else(group):
    links, known = adjacency(group), neighbours(group)
    for i, row in enumerate(links):
        assert set(row.nonzero()[:, 0].tolist()) == known[i]
    assert torch.equal(links, links.T)


def test_every_bone_is_in_one_group():
    assert sum(int(adjacency(group).sum()) // 2 for group in GROUPS) == len(BONES)


@pytest.mark.parametrize("group", GROUPS)
def test_gcn_is_kipf_and_welling(group):
    weights, x, found = made("gcn", group)
    known, expected = neighbours(group), []
    degree = {i: 1 + len(near) for i, near in known.items()}
    for i, near in known.items():
        total = np.zeros(INTO)
        for j in (i, *near):
            total += x[j] / math.sqrt(degree[i] * degree[j])
        expected.append([max(0.0, w @ total + b) for w, b in zip(*linear(weights, "linear"), strict=True)])
    close(found, expected)


@pytest.mark.parametrize("group", GROUPS)
def test_gat_is_velickovic(group):
    weights, x, found = made("gat", group)
    (heads, width), expected = weights["asking"].shape, []
    for i, near in neighbours(group).items():
        row = []
        for k in range(heads):
            part = weights["linear.weight"][k * width : (k + 1) * width]
            attention = np.concatenate((weights["asking"][k], weights["asked"][k]))  # the paper's vector a
            score = {}
            for j in (i, *near):
                raw = attention @ np.concatenate((part @ x[i], part @ x[j]))
                score[j] = math.exp(raw if raw > 0 else 0.2 * raw)
            total = sum(score[j] / sum(score.values()) * (part @ x[j]) for j in score)
            row += list(total + weights["bias"][k * width : (k + 1) * width])
        expected.append([v if v > 0 else math.expm1(v) for v in row])
    close(found, expected)


@pytest.mark.parametrize("group", GROUPS)
def test_gin_is_xu(group):
    weights, x, found = made("gin", group)
    expected = []
    for i, near in neighbours(group).items():
        row = (1 + weights["epsilon"]) * x[i] + sum((x[j] for j in near), np.zeros(INTO))
        for name in ("feed.0", "feed.2"):
            matrix, bias = linear(weights, name)
            row = np.maximum(matrix @ row + bias, 0)
        expected.append(row)
    close(found, expected)


def linear(weights, name):
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(
    ("group", "name"),
    [("face", "face_right_pupil"), ("body", "left_wrist"), ("body", "neck"), ("hands", "left_hand_wrist")],
)
def test_a_layer_reaches_one_bone_and_no_further(kind, group, name):
    moved = INDEX[name] - GROUPS[group].start
    torch.manual_seed(0)
    layer, known = LAYERS[kind](adjacency(group), INTO, 32), neighbours(group)
    x = torch.randn(len(known), INTO)
    other = x.clone()
    other[moved] += 3.0
    with torch.no_grad():
        change = (layer(other) - layer(x)).abs().amax(-1)
    assert set(change.nonzero()[:, 0].tolist()) == {moved, *known[moved]}


@pytest.mark.parametrize("kind", [Gcn, Gat, Gin])
def test_all_weights_learn(kind):
    torch.manual_seed(0)
    layer = kind(adjacency("body"), INTO, OUT)
    layer(torch.randn(2, 25, INTO)).square().sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad.abs().sum() > 0
