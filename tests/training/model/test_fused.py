"""Heads per branch, learned absent vectors and both fusions."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from msgspec import structs

from export.bundles.networks import Networks, write_graphs
from export.modules.branches import LIMIT, Cross, Fusion
from stream.bundle.manifest import BRANCHES, Window
from stream.errors import UsageError
from stream.skeleton import GROUPS
from training.config import Bert, Dropping, Model, Recipe, Temporal, Video, parse, to_toml
from training.data.augment import drop_branches
from training.model.batch import Batch
from training.model.fused import Fused

B, T, F, D, L, OUT = 6, 20, 4, 5, 7, 16
WINDOW = Window(poses=T, features=F)
SMALL = Temporal(dim=16, feedforward=32, dropout=0.0)
TEXT = Bert(dim=16, feedforward=32, layers=1, length=L, dropout=0.0)
SIZES = Model(
    out=OUT, hidden=32, keypoints=SMALL, image=SMALL, text=TEXT, image_features=D, fusion_dropout=0.0
)
FUSIONS = ("concat", "cross")


def fused(fusion="concat", **changed):
    torch.manual_seed(0)
    return Fused(structs.replace(SIZES, fusion=fusion, **changed), WINDOW, vocabulary=50)


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        groups={n: torch.randn(B, T, w, generator=generator) for n, w in WINDOW.widths.items()},
        masks={n: torch.ones(B, T, dtype=torch.bool) for n in GROUPS},
        ages=None,
        features=torch.randn(B, F, D, generator=generator),
        feature_mask=torch.ones(B, F, dtype=torch.bool),
        feature_ages=None,
        ids=torch.randint(0, 50, (B, L), generator=generator),
        ids_mask=torch.ones(B, L, dtype=torch.bool),
        moments=torch.zeros(B, T),
        slot_moments=torch.zeros(B, F),
        course=torch.full((B, T), 0.5),
        slot_course=torch.full((B, F), 0.5),
        kept=torch.ones(B, 3, dtype=torch.bool),
        target=torch.arange(B) % 2 * 1.0,
        weight=torch.ones(B),
    )


def whole(present):
    return torch.tensor([present]).expand(B, 3)


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_branch_alone_learns_alone(branch):
    model = fused()
    model.alone(branch, batch()).square().sum().backward()
    learning = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learning == {branch, "heads"}
    assert [n for n in BRANCHES if model.heads[n].weight.grad is not None] == [branch]


def test_heads_are_their_own():
    model, one = fused().eval(), batch()
    with torch.no_grad():
        before = {name: model.alone(name, one) for name in BRANCHES}
        model.heads["image"].bias.add_(1.0)
        after = {name: model.alone(name, one) for name in BRANCHES}
    torch.testing.assert_close(after["image"], before["image"] + 1)
    assert torch.equal(after["text"], before["text"])
    assert torch.equal(after["keypoints"], before["keypoints"])


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("absent", range(3))
def test_the_input_of_an_absent_branch_does_not_matter(fusion, absent):
    model, one = fused(fusion).eval(), batch()
    present = whole([i != absent for i in range(3)])
    with torch.no_grad():
        vectors = model.vectors(one)
        before = model.fuse(vectors, present)
        others = vectors | {BRANCHES[absent]: torch.full((B, OUT), 1e6)}
        assert torch.equal(before, model.fuse(others, present))
        assert not torch.allclose(before, model.fuse(vectors, whole([True] * 3)))
        model.fusion.absent[absent] += 1.0
        assert not torch.allclose(before, model.fuse(vectors, present))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_absent_vectors_learn_under_modality_dropout(fusion):
    model, one = fused(fusion).train(), batch()
    always = Dropping(keypoints=0.0, image=1.0, text=0.0)
    present = drop_branches(one.present, always, np.random.default_rng(0))
    assert present.tolist() == [[True, False, True]] * B
    model.fuse(model.vectors(one), present).sum().backward()
    learning = model.fusion.absent.grad.abs().sum(1) > 0
    assert learning.tolist() == [False, True, False]
    assert model.image.project.weight.grad is None or not model.image.project.weight.grad.any()


@pytest.mark.parametrize("lost", GROUPS)
def test_a_lost_group_s_absent_vector_learns(lost):
    model, one = fused().train(), batch()
    one.masks[lost][:2] = False
    model.alone("keypoints", one)[:2].sum().backward()
    absent = model.keypoints.absent
    learning = {n for n in GROUPS if absent[n].grad is not None and absent[n].grad.any()}
    assert learning == {lost}
    spatial = model.keypoints.spatial[lost].out.weight.grad
    assert spatial is None or not spatial.any()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_fusion_begins_as_the_sum_of_the_branches(fusion):
    model, one = fused(fusion).eval(), batch()
    with torch.no_grad():
        for head in model.heads.values():
            head.bias.normal_()
    model.start_fusion(["keypoints", "text"])
    with torch.no_grad():
        said = {name: model.alone(name, one) for name in BRANCHES}
        vectors = model.vectors(one)
        chosen = torch.stack([vectors[name] for name in BRANCHES], 1).flatten(1)
        assert model.fusion.mix(chosen).norm() < 0.2 * chosen.norm()
        for layer in model.fusion.mix.modules():  # without what is mixed in, the sum is exact
            if isinstance(layer, torch.nn.Linear):
                layer.weight.zero_()
                layer.bias.zero_()
        for present in ([True, True, True], [True, False, False], [False, True, True], [False] * 3):
            total = sum(
                (
                    said[name]
                    for name, there in zip(BRANCHES, present, strict=True)
                    if there and name != "image"
                ),
                torch.zeros(B),
            )
            expected = LIMIT * torch.tanh(total / LIMIT)
            torch.testing.assert_close(model.fuse(vectors, whole(present)), expected, atol=1e-5, rtol=1e-4)


def test_cross_attention_against_plain_loops():
    torch.manual_seed(3)
    out, heads = 8, 2
    cross = Cross(out, heads=heads).eval()
    joined = torch.randn(2, 3 * out)
    with torch.no_grad():
        found = cross(joined).double().numpy()
    p = {name: value.detach().double().numpy() for name, value in cross.named_parameters()}

    def normed(x, name):
        x = (x - x.mean()) / math.sqrt(x.var() + 1e-5)
        return x * p[f"{name}.weight"] + p[f"{name}.bias"]

    def linear(x, name):
        return p[f"{name}.weight"] @ x + p[f"{name}.bias"]

    width = out // heads
    for row, result in zip(joined.double().numpy(), found, strict=True):
        x = row.reshape(3, out)
        q, k, v = np.split(np.stack([linear(normed(t, "norm_a"), "into") for t in x]), 3, axis=1)
        for i in range(3):
            heard = []
            for part in (slice(h * width, (h + 1) * width) for h in range(heads)):
                score = {j: math.exp(q[i, part] @ k[j, part] / math.sqrt(width)) for j in range(3) if j != i}
                heard.append(sum(score[j] / sum(score.values()) * v[j, part] for j in score))
            attended = linear(np.concatenate(heard), "out")
            inner = linear(normed(x[i] + attended, "norm_f"), "feed.0")
            inner = np.array([0.5 * u * (1 + math.erf(u / math.sqrt(2))) for u in inner])
            expected = attended + linear(inner, "feed.2")
            np.testing.assert_allclose(result[i * out : (i + 1) * out], expected, rtol=1e-5, atol=1e-5)


def test_the_crossed_logit_is_bounded():
    fusion = Fusion(OUT, mix=Cross(OUT))
    with torch.no_grad():
        fusion.head.weight.mul_(1e6)
    logit = fusion(*(torch.randn(64, OUT) for _ in range(3)), torch.ones(64, 3, dtype=torch.bool))
    assert logit.abs().max() <= LIMIT


def test_a_width_that_does_not_divide_among_the_heads():
    with pytest.raises(UsageError, match=r"model.out: expected a multiple of the 4 heads .* choose 48\.$"):
        Cross(50)


def test_a_bundle_s_graphs_equal_their_modules(tmp_path):
    model = fused("cross", spatial="gat").eval()
    networks = Networks(window=WINDOW, out=OUT, fusion=model.fusion, keypoints=model.keypoints)
    written = write_graphs(networks, tmp_path)
    assert [t.name for t in written.fusion.inputs] == [*BRANCHES, "present"]
    assert {report.file for report in written.reports} == {"keypoints.onnx", "fusion.onnx"}
    for report in written.reports:
        assert report.cases == 5
        assert report.worst < 1e-5


def test_recipes_choose_among_the_variants():
    recipe = Recipe(
        name="x",
        model=structs.replace(SIZES, spatial="gin", offsets=False, fusion="cross"),
        video=Video(source="weights", patch=16),
    )
    assert parse(to_toml(recipe)) == recipe
    for line in ('spatial = "cnn"', 'fusion = "sum"'):
        with pytest.raises(UsageError, match="malformed"):
            parse(f'name = "x"\n[model]\n{line}\n')


@pytest.mark.parametrize("spatial", ["mlp", "gcn", "gat", "gin"])
def test_ticks_outside_the_mask_do_not_matter(spatial):
    model, one = fused(spatial=spatial).eval(), batch()
    for mask in one.masks.values():
        mask[:, :5] = False
    other = dataclasses.replace(one, groups={n: x.clone() for n, x in one.groups.items()})
    for x in other.groups.values():
        x[:, :5] = 7.0
    with torch.no_grad():
        assert torch.equal(model.alone("keypoints", one), model.alone("keypoints", other))
