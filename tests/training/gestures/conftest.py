"""A few made-up people who gesture, shared by all tests of this folder."""

from pathlib import Path

import pytest

from training.corpus.store import Store
from training.gestures.clips import Clip, index_of
from training.gestures.data.skeletons import Skeletons, read
from training.gestures.points import POINTS_36
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
