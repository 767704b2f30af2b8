import pytest
import torch
from msgspec import structs

from export.lowering.module_parity import check, random_cases
from export.lowering.to_onnx import export
from export.modules.branches import Keypoints
from export.modules.traceable import Encoder
from stream.bundle.manifest import Window
from stream.errors import UsageError
from stream.skeleton import BONES, GROUPS, INDEX
from training.config import Model, Temporal
from training.model.spatial import Mlp, build_spatial

pytestmark = pytest.mark.slow

KINDS = ("mlp", "gcn", "gat", "gin")
GRAPHS = KINDS[1:]
SIZES = Model(hidden=128, keypoints=Temporal(dim=16))  # few nodes of which a ReLU leaves nothing
WINDOW = Window(poses=20, features=4)
VALUES = WINDOW.values


def built(kind, group="face", offsets=True, places=True):
    torch.manual_seed(0)
    sizes = structs.replace(SIZES, spatial=kind, offsets=offsets, places=places)
    return build_spatial(sizes, group, VALUES).eval()


def rows(group="face", ticks=40):
    """Positions around a half, displacements a hundred times smaller, points missing here and there."""
    generator = torch.Generator().manual_seed(3)
    part = GROUPS[group]
    x = 0.01 * torch.randn(2, ticks, part.stop - part.start, VALUES, generator=generator)
    x[..., :2] = 0.5 + 10 * x[..., :2]
    x[torch.rand(x.shape[:3], generator=generator) < 0.2] = 0
    return x.flatten(2)


def fitted(kind, group="face", offsets=True, places=True):
    encoder = built(kind, group, offsets, places)
    encoder.fit(rows(group).flatten(0, 1), VALUES)
    return encoder


@pytest.mark.parametrize("offsets", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("group", GROUPS)
def test_one_interface(kind, group, offsets):
    encoder = fitted(kind, group, offsets)
    x = rows(group)
    assert x.shape[2] == WINDOW.widths[group]
    vector = encoder(x)
    assert vector.shape == (2, 40, 16)
    assert torch.isfinite(vector).all()
    torch.testing.assert_close(encoder(x[:1, 7:8]), vector[:1, 7:8])  # ticks do not see each other
    assert not torch.allclose(vector[0, 0], vector[0, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_without_offsets_displacements_do_not_matter(kind):
    x = rows()
    noisy = x.clone().unflatten(-1, (-1, VALUES))
    noisy[..., 2:] = torch.randn_like(noisy[..., 2:])
    noisy = noisy.flatten(2)
    without, other = built(kind, offsets=False), built(kind, offsets=False)
    without.fit(x.flatten(0, 1), VALUES)
    other.fit(noisy.flatten(0, 1), VALUES)
    assert torch.equal(without(x), other(noisy))
    encoder = fitted(kind)
    assert not torch.allclose(encoder(x), encoder(noisy))
    moved = torch.where(x == 0, x, x + 0.1)
    assert not torch.allclose(without(x), without(moved))


@pytest.mark.parametrize("kind", KINDS)
def test_without_places_only_motion_matters(kind):
    x = rows()
    points = x.unflatten(-1, (-1, VALUES))
    elsewhere = points.clone()
    elsewhere[..., :2] = torch.where(points[..., :2] == 0, points[..., :2], points[..., :2] + 0.05)
    moving = fitted(kind, places=False)
    assert torch.equal(moving(x), moving(elsewhere.flatten(2)))
    encoder = fitted(kind)
    assert not torch.allclose(encoder(x), encoder(elsewhere.flatten(2)))


def test_an_encoder_must_read_something():
    with pytest.raises(UsageError, match=r"expected model\.offsets or model\.places, found neither"):
        built("mlp", offsets=False, places=False)


@pytest.mark.parametrize("offsets", [True, False])
def test_standardised_values_have_unit_deviation_and_what_is_missing_stays_zero(offsets):
    encoder, x = fitted("gcn", offsets=offsets), rows()
    points = x.unflatten(-1, (-1, VALUES))
    read = points if offsets else points[..., :2]
    standard = encoder.standardised(x)
    assert standard.shape == read.shape
    assert (standard[read == 0] == 0).all()
    assert standard.abs().max() <= 6
    for value in range(read.shape[-1]):
        seen = standard[..., value][read[..., value] != 0]
        assert seen.std() == pytest.approx(1, abs=0.05)
        assert seen.mean() == pytest.approx(0, abs=0.05)


def hops(group, start):
    """Bones between ``start`` and every node that can be reached from it."""
    part, far, frontier = GROUPS[group], {start: 0}, [start]
    while frontier:
        here = frontier.pop(0)
        for a, b in BONES:
            for near, there in ((a - part.start, b - part.start), (b - part.start, a - part.start)):
                if part.start <= a < part.stop and near == here and there not in far:
                    far[there] = far[here] + 1
                    frontier.append(there)
    return far


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize(
    ("group", "name"),
    [("body", "left_wrist"), ("face", "face_contour_8"), ("hands", "right_hand_index_4")],
)
def test_two_layers_carry_two_bones_far(kind, group, name):
    encoder, x = fitted(kind, group), rows(group, ticks=1)[:1]
    moved = INDEX[name] - GROUPS[group].start
    other = x.clone()
    other[..., moved * VALUES : (moved + 1) * VALUES] = 0.9
    with torch.no_grad():
        change = (encoder.nodes(other) - encoder.nodes(x)).abs().amax(-1)[0, 0]
    near = {node for node, distance in hops(group, moved).items() if distance <= 2}
    assert set(change.nonzero()[:, 0].tolist()) == near
    assert max(hops(group, moved).values()) > 2


@pytest.mark.parametrize("kind", GRAPHS)
def test_pupils_are_heard_though_no_bone_leads_there(kind):
    encoder, x = fitted(kind), rows()
    pupil = INDEX["face_left_pupil"] - GROUPS["face"].start
    other = x.clone()
    other[..., pupil * VALUES] = 0.9
    assert not torch.allclose(encoder(x), encoder(other))
    with torch.no_grad():
        change = (encoder.nodes(other) - encoder.nodes(x)).abs().amax((0, 1, 3))
    assert change.nonzero()[:, 0].tolist() == [pupil]


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("mlp", (117_248, 209_408, 152_064)),
        ("gcn", (104_272, 288_592, 173_904)),
        ("gat", (104_432, 288_752, 174_064)),
        ("gin", (108_706, 293_026, 178_338)),
        ("gcn mean", (22_976, 25_856, 24_064)),
        ("gat mean", (23_232, 26_112, 24_320)),
        ("gin mean", (31_298, 34_178, 32_386)),
    ],
)
def test_parameter_counts_are_as_documented(kind, counts):
    kind, _, readout = kind.partition(" ")
    temporal = Temporal(dim=256)
    sizes = Model(spatial=kind, hidden=256, graph_readout=readout or "flatten", keypoints=temporal)
    for group, count in zip(GROUPS, counts, strict=True):
        assert sum(p.numel() for p in build_spatial(sizes, group, VALUES).parameters()) == count


def test_nodes_are_flattened_and_each_keeps_its_place():
    """Hidden-emotion paper, spatial modelling: the node vectors of a group are concatenated."""
    torch.manual_seed(0)
    graph = build_spatial(structs.replace(SIZES, spatial="gcn"), "hands", VALUES)
    x = torch.randn(1, 3, graph.mean.numel())
    nodes = graph.nodes(x)
    torch.testing.assert_close(graph(x), graph.out(nodes.flatten(-2)))
    swapped = nodes[..., [1, 0, *range(2, nodes.shape[-2])], :]
    assert not torch.allclose(graph(x), graph.out(swapped.flatten(-2))), "a mean would not know"


def test_a_graph_with_a_mean_can_read_one_node_apart_from_the_others():
    """A fresh readout is the mean; weights of its own let a lip count and a brow not."""
    torch.manual_seed(0)
    graph = build_spatial(structs.replace(SIZES, spatial="gcn", graph_readout="mean"), "hands", VALUES)
    x = torch.randn(1, 3, graph.mean.numel())
    nodes = graph.nodes(x)
    torch.testing.assert_close(graph(x), graph.out(nodes.mean(-2)))
    with torch.no_grad():
        graph.weigh.zero_()[5] = 1
    torch.testing.assert_close(graph(x), graph.out(nodes[..., 5, :]))


@pytest.mark.parametrize("hidden", [8, 100])
def test_hidden_units_that_do_not_divide_get_one_sentence(hidden):
    with pytest.raises(UsageError, match=rf"multiple of 16 .* found {hidden}; choose \d+\.$"):
        build_spatial(structs.replace(SIZES, spatial="gat", hidden=hidden), "body", VALUES)


@pytest.mark.parametrize(
    ("kind", "offsets", "local"), [*((kind, True, 0) for kind in KINDS), ("gcn", False, 0), ("mlp", True, 15)]
)
def test_the_exported_graph_equals_the_module(kind, offsets, local, tmp_path):
    spatial = {group: fitted(kind, group, offsets) for group in GROUPS}
    model = Keypoints(WINDOW, spatial, {name: Encoder(16, 1, 1, 32) for name in GROUPS}, 16, 8, local).eval()
    inputs = {name: torch.randn(1, WINDOW.poses, width) for name, width in WINDOW.widths.items()}
    inputs |= {f"{name}_mask": torch.ones(1, WINDOW.poses, dtype=torch.bool) for name in GROUPS}
    path = tmp_path / "keypoints.onnx"
    graph = export(model, inputs, "vector", path)
    assert [t.name for t in graph.inputs] == list(inputs)
    real = {name: rows(name)[:1, : WINDOW.poses].numpy() for name in GROUPS}
    masks = {name: inputs[name].numpy() for name in inputs if name.endswith("mask")}
    report = check(model, graph, path, [*random_cases(graph), real | masks])
    assert report.cases == 6
    assert report.worst < 1e-5


def correlated(rows=4000):
    """Points that err together, as those of a tracked face do, on top of small motion of their own."""
    generator = torch.Generator().manual_seed(3)
    shared = torch.randn(rows, 3, generator=generator) @ torch.randn(3, 25 * 8, generator=generator)
    return 0.3 * shared + 0.01 * torch.randn(rows, 25 * 8, generator=generator)


def test_whitened_values_are_uncorrelated_and_equally_large_unless_they_hardly_vary():
    mlp, rows = Mlp(25, 8, 16, 8, whiten=True), correlated()
    mlp.fit(rows, 8)
    x = mlp.standardised(rows).flatten(-2) @ mlp.turn
    covariance = x.T @ x / len(x)
    spread = torch.linalg.eigvalsh(covariance)
    assert spread.max() < 1.1  # what they share is cut down to the size of one point's own motion
    plain = mlp.standardised(rows).flatten(-2)
    assert torch.linalg.eigvalsh(plain.T @ plain / len(plain)).max() > 20


def test_folding_keeps_the_function():
    mlp, rows = Mlp(25, 8, 16, 8, whiten=True), correlated(200)
    mlp.fit(rows, 8)
    rows[::3, 40:80] = 0
    with torch.no_grad():
        before = mlp(rows[None])
        mlp.fold()
        after = mlp(rows[None])
    assert mlp.turn.numel() == 0
    assert (before - after).norm() <= 1e-5 * before.norm()
    mlp.fold()  # nothing is left to fold
    with torch.no_grad():
        assert torch.equal(mlp(rows[None]), after)
