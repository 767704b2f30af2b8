"""Seconds of real training: the loss falls, and labels that mean nothing stay at chance."""

import dataclasses

import msgspec
import numpy as np
import pytest
import torch
from msgspec import structs

from training.config import Bert, Compute, Data, Model, Recipe, Stage, Target, Temporal
from training.data.prepared import Pools, prepare, text_only
from training.data.sampling import Cut, assemble, random_cuts
from training.data.simulated import described, simulated
from training.evaluation.metrics import auroc
from training.learning.checkpoint import Checkpoint, build
from training.learning.log import Log
from training.learning.loop import Trainer
from training.learning.stages import balanced, finetune, moment_loss, pretrain
from training.model.text import train_tokenizer

pytestmark = pytest.mark.slow

SMALL = Temporal(dim=16, feedforward=32, dropout=0.0)
STAGE = Stage(steps=40, batch=8, rate=5e-3, warmup=5, seconds=(3.0, 6.0), moments=1.0)
RECIPE = Recipe(
    name="test",
    compute=Compute(threads=1),
    model=Model(
        out=16,
        hidden=32,
        keypoints=SMALL,
        image=SMALL,
        text=Bert(dim=16, feedforward=32, layers=1),
        image_features=4,
    ),
    data=Data(profile="demo", recordings=16, seconds=10.0, texts=64),
    target=Target(kind="label"),
    moments=Stage(steps=160, batch=8, rate=5e-3, warmup=5, seconds=(3.0, 6.0)),
    pretrain=STAGE,
    describe=Stage(steps=60, batch=16, rate=3e-3, warmup=5),
    finetune=Stage(steps=20, batch=8, rate=5e-4, warmup=5, seconds=(3.0, 6.0)),
)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([r.text for r in described(RECIPE.data, "demo", 5)], 200)


def prepared(tokenizer, count, seed):
    sizes = (RECIPE.model.text.length, RECIPE.model.image_features)
    return [prepare(r, RECIPE.window, tokenizer, *sizes) for r in simulated(RECIPE.data, "demo", count, seed)]


@pytest.fixture(scope="module")
def trained(tokenizer):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, log = build(RECIPE, tokenizer), Log()
    texts = [text_only(r, RECIPE.window, tokenizer, 96) for r in described(RECIPE.data, "demo", 1)]
    pools = Pools(labelled=prepared(tokenizer, 16, 0), texts=texts)
    trainer = Trainer(model, RECIPE, log=log)
    pretrain(trainer, model, pools)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    finetune(trainer, model, pools, ["keypoints", "text"])
    return Checkpoint(RECIPE, model, tokenizer, {}), before, log


def losses(log, stage):
    return [line["loss"] for line in log.lines if line["stage"] == stage]


def test_moments_of_real_people_are_not_learnt(tokenizer):
    """Nobody knows them: their zeros are no truth, neither beside made-up people nor alone."""
    made_up, real = prepared(tokenizer, 2, 3)
    real = dataclasses.replace(
        real, moments=torch.zeros_like(real.moments), recording=dataclasses.replace(real.recording, llr=None)
    )
    batch = assemble([Cut(p, 0, 200) for p in (made_up, real)], RECIPE.window, RECIPE.target)
    mask, said = torch.ones(2, 200, dtype=torch.bool), torch.randn(2, 200, requires_grad=True)
    loss = moment_loss("keypoints", said, mask, batch)
    loss.backward()
    with torch.no_grad():
        true = (said - batch.moments)[0].square().mean()
    assert loss.item() == pytest.approx(true.item())
    assert (said.grad[0] != 0).all()
    assert (said.grad[1] == 0).all()
    log, model = Log(), build(RECIPE, tokenizer)
    pretrain(Trainer(model, RECIPE, log=log), model, Pools(labelled=[real] * 2))
    assert {line["stage"] for line in log.lines} == {"pretrain keypoints", "pretrain text"}


def test_alpha_counts_a_pseudo_label_by_its_weight(tokenizer):
    lost, won = prepared(tokenizer, 2, 3)
    guessed = [dataclasses.replace(won, pseudo_label=0.9, weight=0.25) for _ in range(4)]
    stage = structs.replace(STAGE, balance="alpha")
    assert balanced(stage, [[lost, won]]).alpha == 0.5
    assert balanced(stage, [[lost, won, *guessed]]).alpha == pytest.approx(1 - 2 / 3)
    assert balanced(stage, [[]]).alpha == 0.5


@pytest.mark.parametrize("stage", ["moments keypoints", "pretrain text"])
def test_the_loss_falls(trained, stage):
    found = losses(trained[2], stage)
    assert np.mean(found[-2:]) < 0.9 * np.mean(found[:2])


def test_unseen_people_are_classified(trained, tokenizer):
    model, unseen = trained[0].model, prepared(tokenizer, 24, 900)
    cuts = random_cuts(
        unseen, Stage(seconds=(8.0, 8.0), partial=0.0), RECIPE.window, 64, np.random.default_rng(0)
    )
    batch = assemble(cuts, RECIPE.window, RECIPE.target)
    with torch.no_grad():
        present = torch.tensor([[True, False, False]]).expand(64, 3)
        logit = model.fuse(model.vectors(batch, ("keypoints",)), present)
    assert auroc(logit.double().numpy(), batch.target.double().numpy()) > 0.65


def test_stage_2_tunes_everything_that_learnt(trained):
    checkpoint, before, _ = trained
    after = checkpoint.model.state_dict()
    parts = (
        "keypoints.spatial.face.into.weight",
        "keypoints.temporal.body.layers.0.attention.into.weight",
        "text.project.weight",
        "fusion.head.weight",
    )
    for part in parts:
        assert not torch.equal(before[part], after[part])


def test_the_fusion_begins_as_the_sum_of_the_branches(tokenizer):
    model = build(RECIPE, tokenizer).eval()
    model.start_fusion(["keypoints", "text"])
    source = prepared(tokenizer, 2, 50)
    batch = assemble(
        random_cuts(source, STAGE, RECIPE.window, 4, np.random.default_rng(0)), RECIPE.window, Target()
    )
    with torch.no_grad():
        model.fusion.mix[0].weight.zero_()
        vectors = model.vectors(batch)
        alone = {name: model.alone(name, batch) for name in ("keypoints", "text")}
        both = model.fuse(vectors, torch.tensor([[True, True, True]]).expand(4, 3))
        one = model.fuse(vectors, torch.tensor([[True, False, False]]).expand(4, 3))
    limit = 4.0
    expected = limit * torch.tanh((alone["keypoints"] + alone["text"]) / limit)
    torch.testing.assert_close(both, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(one, limit * torch.tanh(alone["keypoints"] / limit), atol=1e-5, rtol=1e-4)


def test_labels_that_mean_nothing_stay_at_chance(tokenizer):
    """Shuffled over subjects, with nothing else to learn from, they cannot help on unseen people."""
    torch.manual_seed(0)
    rng = np.random.default_rng(4)
    shuffled = [
        dataclasses.replace(p, recording=dataclasses.replace(p.recording, label=int(label)))
        for p, label in zip(prepared(tokenizer, 16, 0), rng.permutation([0, 1] * 8), strict=True)
    ]
    plain = msgspec.structs.replace(
        RECIPE, moments=Stage(steps=0), pretrain=msgspec.structs.replace(STAGE, moments=0.0)
    )
    model = build(plain, tokenizer)
    pretrain(Trainer(model, plain), model, Pools(labelled=shuffled))
    unseen = prepared(tokenizer, 40, 900)
    cuts = [c for s in unseen for c in random_cuts([s], Stage(seconds=(8, 8)), plain.window, 2, rng)]
    batch = assemble(cuts, plain.window, plain.target, ("keypoints",))
    with torch.no_grad():
        logit = model.alone("keypoints", batch).double().numpy()
    assert 0.3 < auroc(logit, batch.target.double().numpy()) < 0.7
