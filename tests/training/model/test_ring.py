"""What the ring's network takes over from the full mode's, and what its upper layers begin with."""

import pytest
import torch
from msgspec import structs
from ring_course import ring_materials, ring_recipe

from export.modules.ring import rotary_phases
from training.config import Temporal
from training.data.sampling import Cut, assemble
from training.learning.checkpoint import build, build_ring
from training.model.ring import FAR

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    return ring_recipe(tiny_recipe)


@pytest.fixture(scope="module")
def materials(recipe):
    return ring_materials(recipe)


def test_what_is_taken_over_computes_what_it_did(recipe, materials):
    """Without positions and bands a first layer of either form says the same of whole windows."""
    sizes = Temporal(dim=16, feedforward=32, dropout=0.0)
    small = structs.replace(recipe, model=structs.replace(recipe.model, keypoints=sizes, image=sizes))
    full, other = build(small, materials.tokenizer), build_ring(small, materials.tokenizer)
    for p in full.parameters():
        torch.nn.init.normal_(p, std=0.3)
    other.init_from(full.eval())
    batch = assemble([Cut(materials.pools.labelled[0], 0, 40)], small.window, small.target)
    x, masks = torch.randn(3, 1, 40, 16), list(batch.masks.values())
    still = torch.ones(40, 16), torch.zeros(40, 16)
    layer = other.keypoints.ring.layers[0]
    everything = torch.stack(masks)
    with torch.no_grad():
        found = layer(x, (~everything).float() * -1e4, *still)[:, 0, -1]  # the last row sees all others
        for i, name in enumerate(full.keypoints.temporal):
            theirs = full.keypoints.temporal[name].layers[0](x[i], masks[i])[0, -1]
            torch.testing.assert_close(found[i], theirs, rtol=1e-4, atol=1e-4)
            values = batch.groups[name]
            mine = other.keypoints.streams[name](values)
            assert torch.equal(mine, full.keypoints.spatial[name](values))


def test_upper_layers_begin_with_the_far_end_of_their_band(recipe, materials):
    """Of all but the first layer all heads but the first: the older a row of the band, the more it counts."""
    full, other = build(recipe, materials.tokenizer), build_ring(recipe, materials.tokenizer)
    other.init_from(full.eval())
    for ring in (other.keypoints.ring, other.image.ring):
        for depth, layer in enumerate(ring.layers):
            rows = layer.band
            nothing = torch.zeros(ring.streams, 1, rows, layer.heads * layer.width)  # all rows alike
            with torch.no_grad():
                q, k, _ = layer._heads(nothing, *rotary_phases(torch.arange(rows), layer.width, ring.step_s))
            scores = (q[:, 0, :, -1:] @ k[:, 0].transpose(-1, -2)).squeeze(-2)  # [S, H, rows], oldest first
            ascending = (scores[..., :-1] > scores[..., 1:]).all(-1)
            expected = torch.zeros(layer.heads, dtype=torch.bool)
            expected[1:] = depth > 0
            assert torch.equal(ascending, expected.expand_as(ascending)), depth
            if depth:
                assert torch.allclose(scores[:, 1:, 0], torch.tensor(FAR), rtol=0.05)


def test_upper_layers_begin_as_loud_as_what_they_are_given(recipe, materials):
    """A full mode's rows may be of any size: what is added to them counts all the same, in every stream."""
    model = build_ring(recipe, materials.tokenizer).eval()
    with torch.no_grad():
        for part in model.keypoints.ring.layers[0].out, model.keypoints.ring.layers[0].down:
            part.weight.mul_(torch.tensor([1.0, 30.0, 1.0])[:, None, None])
    batch = assemble([Cut(p, 0, 60) for p in materials.pools.labelled[:4]], recipe.window, recipe.target)

    def shares():
        part, values, masks = model._inputs("keypoints", batch)
        x = torch.stack([embed(v) for embed, v in zip(part.streams.values(), values, strict=True)])
        kept = []
        for layer in part.ring.layers:
            layer.register_forward_hook(lambda _, given, out: kept.append((out - given[0]).std((1, 2, 3))))
        with torch.no_grad():
            first = part.ring.rows(x, torch.stack(masks))[0]
        for layer in part.ring.layers:
            layer._forward_hooks.clear()
        return kept[1] / first.std((1, 2, 3))

    quiet = shares()
    model.rescale("keypoints", batch)
    loud = shares()
    assert float(quiet[1]) < 0.1  # of the face; hands are not there in so short a time
    assert float(loud[1]) > 0.4 * float(loud[0]) > 0.1


@pytest.mark.parametrize("pool", ["mean", "attention"])
@pytest.mark.parametrize("branch", ["keypoints", "image"])
def test_a_pool_starts_by_reading_rows_as_the_full_mode_does(recipe, materials, pool, branch):
    """Projection, the last norm's scales, the vector of who is absent, and the head: of the same rows."""
    whole = structs.replace(recipe, ring=structs.replace(recipe.ring, pool=pool, layers=3, band_s=0.4))
    full, ring = build(whole, materials.tokenizer).eval(), build_ring(whole, materials.tokenizer).eval()
    torch.manual_seed(0)
    for p in full.parameters():
        torch.nn.init.normal_(p, std=0.3)
    ring.init_from(full)
    part = getattr(ring, branch)
    streams, dim = part.absent.shape
    rows = torch.randn(streams, 2, 30, dim)
    masks = [torch.rand(2, 30) < 0.7 for _ in range(streams)]
    if branch == "keypoints":
        masks[1] = torch.zeros(2, 30, dtype=torch.bool)
        norms = [full.keypoints.temporal[group].norm for group in full.keypoints.temporal]
    else:
        norms = [full.image.temporal.norm]
    with torch.no_grad():
        read = part.vectors(torch.nn.functional.layer_norm(rows, (dim,)), masks)[:, -1]
        theirs = [norm(x) for norm, x in zip(norms, rows, strict=True)]
        pooled = getattr(full, branch).pool(
            theirs if branch == "keypoints" else theirs[0], masks if branch == "keypoints" else masks[0]
        )
        torch.testing.assert_close(read, pooled, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(ring.heads[branch](read), full.heads[branch](pooled), rtol=1e-4, atol=1e-4)


def test_further_layers_of_a_pool_start_as_no_change(recipe, materials):
    deep = structs.replace(recipe, ring=structs.replace(recipe.ring, pool="mean", layers=3, band_s=0.4))
    ring = build_ring(deep, materials.tokenizer).eval()
    ring.init_from(build(deep, materials.tokenizer).eval())
    batch = assemble([Cut(p, 0, 100) for p in materials.pools.labelled[:2]], deep.window, deep.target)
    with torch.no_grad():
        first, *_, last = ring.keypoints.rows(list(batch.groups.values()), list(batch.masks.values()))
    torch.testing.assert_close(torch.nn.functional.layer_norm(first, first.shape[-1:]), last)
    assert [layer.band for layer in ring.keypoints.ring.layers] == [10, 10, 10]
    assert [layer.band for layer in ring.image.ring.layers] == [2, 2, 2]
    assert (ring.keypoints.readout, ring.image.readout) == (deep.window.poses, deep.window.features)
