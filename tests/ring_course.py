"""A recipe of seconds whose ring mode learns, and what it learns from."""

import dataclasses

import torch
from msgspec import structs

from training.config import Recipe, Ring, Stage
from training.data.materials import Materials, from_simulator
from training.data.prepared import Prepared

COURSE = Stage(steps=8, batch=4, warmup=2, seconds=(2.0, 4.0))


def ring_recipe(tiny: Recipe) -> Recipe:
    """``tiny`` with local ticks, mixed behaviour and a ring of two layers."""
    return structs.replace(
        tiny,
        model=structs.replace(tiny.model, local=3),
        data=structs.replace(tiny.data, mixed=0.25),
        ring=Ring(layers=2, readout=5, course=COURSE, together=COURSE, distil=0.5),
    )


def ring_materials(recipe: Recipe) -> Materials:
    """Image features that nobody encoded, so that the image ring learns, too."""
    found = from_simulator(recipe)
    generator = torch.Generator().manual_seed(0)

    def shown(source: Prepared) -> Prepared:
        slots = len(source.feature_mask)
        features = torch.randn(slots, recipe.model.image_features, generator=generator).half()
        there = torch.rand(slots, generator=generator) < 0.9
        return dataclasses.replace(source, features=features, feature_mask=there)

    pools = dataclasses.replace(
        found.pools,
        labelled=[shown(s) for s in found.pools.labelled],
        held_out=[shown(s) for s in found.pools.held_out],
    )
    return dataclasses.replace(found, pools=pools)
