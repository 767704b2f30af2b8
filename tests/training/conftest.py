"""Recipes of seconds, for tests that train."""

import gc
from pathlib import Path

import pytest
from msgspec import structs

from training.config import (
    Bert,
    Calibrating,
    Compute,
    Data,
    Delivery,
    Inference,
    Model,
    Recipe,
    Splitting,
    Stage,
    Temporal,
)
from training.corpus.readers.importing import bring
from training.corpus.store import Store
from training.simulator import as_corpus


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """Everything switched on, as small as it gets; nothing is learnt by it."""
    from training.learning import runs  # noqa: F401

    # After every phase accelerate looks for garbage: not among a million things of imported modules.
    gc.freeze()
    small = Temporal(dim=16, feedforward=32, dropout=0.2)
    stage = Stage(steps=12, batch=4, warmup=2, seconds=(2.0, 4.0))
    return Recipe(
        name="test",
        compute=Compute(threads=1, save_every=5),
        model=Model(
            out=16,
            hidden=16,
            keypoints=small,
            image=small,
            text=Bert(dim=16, feedforward=32, layers=1, length=24),
            image_features=4,
        ),
        data=Data(profile="demo", recordings=4, seconds=6.0, unlabelled=2, held_out=8, texts=8),
        moments=stage,
        pretrain=stage,
        describe=stage,
        finetune=stage,
        calibrating=Calibrating(knots_s=(1.0, 4.0), windows=32),
        delivery=Delivery(poses=150, features=30),
    )


@pytest.fixture(scope="session")
def quick_recipe(tiny_recipe) -> Recipe:
    """Keypoints alone and hardly any step: for what surrounds the training of many cells."""
    stage = structs.replace(tiny_recipe.pretrain, steps=2, warmup=1)
    return structs.replace(
        tiny_recipe,
        compute=Compute(threads=1, save_every=100),
        data=structs.replace(tiny_recipe.data, branches=("keypoints",)),
        splitting=Splitting(validation=0.15, calibration=0.25, hidden=0.25),
        moments=structs.replace(stage, steps=0),
        pretrain=stage,
        describe=stage,
        finetune=stage,
        inference=Inference(votes=2),
        calibrating=Calibrating(knots_s=(2.0,), windows=16),
    )


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory) -> Path:
    """32 plainly different people of 6 s on disk; nobody writes to it but the cache of inputs."""
    folder = tmp_path_factory.mktemp("corpora") / "made"
    bring(as_corpus.source("made", profile="demo", recordings=32, seconds=6.0), folder)
    return folder


@pytest.fixture(scope="session")
def store(corpus_folder) -> Store:
    return Store.open(corpus_folder)


@pytest.fixture(scope="session")
def quick_run(quick_recipe, store, tmp_path_factory) -> Path:
    """A finished run of ``quick_recipe`` on ``store``, under a seed whose calibration tells people apart."""
    from training.data import materials
    from training.learning import runs

    folder, recipe = tmp_path_factory.mktemp("runs") / "quick", structs.replace(quick_recipe, seed=5)
    runs.run(recipe, folder, materials.from_corpus(recipe, store))
    return folder


@pytest.fixture
def few_resamples(monkeypatch):
    """Intervals of 40 resamples: these tests look at tables, not at bounds."""
    from training.evaluation import tables
    from training.studies import ablation, noise_study

    real = tables.over_seeds_and_subjects
    for module in (tables, ablation, noise_study):
        monkeypatch.setattr(
            module, "over_seeds_and_subjects", lambda *a, **k: real(*a, **(k | {"resamples": 40}))
        )


@pytest.fixture
def no_training(monkeypatch):
    """Call it, and whoever trains from here on fails."""
    from training.learning import runs

    def forbid():
        for name in ("run", "run_pretrain", "run_finetune"):
            monkeypatch.setattr(runs, name, lambda *_: pytest.fail("trained again"))

    return forbid
