"""A few made-up people who gesture, shared by all tests of this folder."""

from pathlib import Path

import msgspec
import pytest

from training.corpus.store import Store
from training.gestures.clips import Clip, index_of
from training.gestures.data.skeletons import Skeletons, read
from training.gestures.points import POINTS_36
from training.gestures.recipe import (
    Coordinates,
    Course,
    GestureRecipe,
    Maps,
    People,
    PseudoLabels,
    Reporting,
    Rgb,
    Splitting,
)
from training.gestures.runs.materials import Materials, from_corpus
from training.gestures.runs.run import run
from training.gestures.simulator import as_corpus
from training.gestures.simulator.catalogue import chosen
from training.gestures.simulator.scenes import World


@pytest.fixture(scope="session")
def world() -> World:
    return World(labels=chosen(8), seconds=30.0, share=0.6)


@pytest.fixture(scope="session")
def gesture_store(tmp_path_factory, world) -> Store:
    """Twelve people of 30 s; nobody writes to it."""
    return as_corpus.write(tmp_path_factory.mktemp("gestures") / "corpus", "made", world, 12)


@pytest.fixture(scope="session")
def gesture_folder(gesture_store) -> Path:
    return gesture_store.folder


@pytest.fixture(scope="session")
def clips(gesture_store) -> tuple[Clip, ...]:
    return index_of(gesture_store)


@pytest.fixture(scope="session")
def skeletons(gesture_store, clips) -> Skeletons:
    return read(gesture_store, clips, POINTS_36)


@pytest.fixture(scope="session")
def quick_gestures(world) -> GestureRecipe:
    """Every kind of branch as small as it gets; hardly anything is learnt."""
    course = Course(steps=24, batch=8, rate=5e-3, warmup=2, average=0.8)
    maps = Maps(frames=4, size=12, base=4, blocks=(1, 1), merged=True, course=course)
    rgb = Rgb(network="r2plus1d_small", frames=4, size=16, stored=20, course=course)
    return GestureRecipe(
        name="quick",
        threads=1,
        save_every=2,
        points="36",
        branches=("coordinates", "joints", "limbs", "swin3d", "r2plus1d"),
        coordinates=Coordinates(ticks=8, widths=(8,), strides=(2,), course=course),
        joints=maps,
        limbs=maps,
        swin3d=rgb,
        r2plus1d=Rgb(network="r2plus1d_small", frames=4, size=16, stored=20, view="portrait", course=course),
        people=People(count=12, seconds=30.0, classes=8, train=0.7, test=0.3),
        splitting=Splitting(hidden=0.25, validation=0.25),
        reporting=Reporting(head=20, tail=5, resamples=50),
    )


@pytest.fixture(scope="session")
def ground(quick_gestures, gesture_store, tmp_path_factory) -> Materials:
    """The made-up people divided; pictures are drawn once, beside the test."""
    return from_corpus(quick_gestures, gesture_store, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="session")
def run_recipe(quick_gestures) -> GestureRecipe:
    """Pseudo-labels of whatever the other branches agree on."""
    pseudo = PseudoLabels(threshold=0.0, floor=0.0, stop=0.0)
    return msgspec.structs.replace(quick_gestures, pseudo=pseudo)


@pytest.fixture(scope="session")
def finished_run(run_recipe, ground, tmp_path_factory) -> tuple[Path, list[str]]:
    """A run of all branches and both rounds, and what it said."""
    out = tmp_path_factory.mktemp("run") / "one"
    lines: list[str] = []
    run(run_recipe, ground, out, "inductive", lines.append)
    return out, lines
