"""Branches as their recipe says: the same for the same seed, with the channels that the inputs have."""

import msgspec
import pytest
import torch

from stream.errors import ModelError
from training.gestures.models.build import build


def test_the_same_seed_builds_the_same_branch(quick_gestures):
    for name in quick_gestures.branches:
        one, again = build(name, quick_gestures), build(name, quick_gestures)
        other = build(name, msgspec.structs.replace(quick_gestures, seed=1))
        pairs = list(zip(one.parameters(), again.parameters(), other.parameters(), strict=True))
        assert all(torch.equal(a, b) for a, b, _ in pairs)
        assert not all(torch.equal(a, c) for a, _, c in pairs)


def test_a_map_for_every_point_or_limb_unless_merged(quick_gestures):
    assert build("joints", quick_gestures).backbone.stem.conv.in_channels == 24
    plain = {
        n: msgspec.structs.replace(getattr(quick_gestures, n), merged=False) for n in ("joints", "limbs")
    }
    alone = msgspec.structs.replace(quick_gestures, points="68", **plain)
    assert build("joints", alone).backbone.stem.conv.in_channels == 68
    assert build("limbs", alone).backbone.stem.conv.in_channels == 66


def test_named_weights_must_be_there(quick_gestures, tmp_path):
    rgb = msgspec.structs.replace(quick_gestures.swin3d, weights=str(tmp_path / "none.pth"))
    recipe = msgspec.structs.replace(quick_gestures, swin3d=rgb)
    with pytest.raises(ModelError, match="expected weights, found no file"):
        build("swin3d", recipe)
    build("swin3d", recipe, weights=False)  # of a run that holds its own
