"""Recipes of seconds, for tests that train."""

import pytest

from training.config import Bert, Calibrating, Compute, Data, Delivery, Model, Recipe, Stage, Temporal


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """Everything switched on, as small as it gets; nothing is learnt by it."""
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
