"""Descriptions of made-up people: a labeller's form, and what may be read from them."""

import re
from collections import Counter

import numpy as np
import pytest
import torch
from msgspec import structs

from stream.bundle.manifest import Window
from stream.describing.labellers.answer import ActionUnit, Answer
from stream.describing.rendering import render
from training.config import Bert, Compute, Data, Model, Recipe, Stage, Target, Temporal
from training.data.prepared import Pools, Prepared, text_only
from training.data.sampling import Cut, assemble
from training.data.simulated import described
from training.evaluation.metrics import auroc
from training.learning.checkpoint import build
from training.learning.loop import Trainer
from training.learning.stages import pretrain
from training.model.text import train_tokenizer
from training.simulator.behaviour import DEMO, LOSS, STANDARD, WIN, schedule
from training.simulator.descriptions import UNITS, describe, description_llr

pytestmark = pytest.mark.slow

UNIT = re.compile(r"(\w+) (.+) \((\w+)\)")


def texts(profile, label, seconds, count, seed=0):
    rngs = (np.random.default_rng([seed, label, i]) for i in range(count))
    return [describe(schedule(profile, label, seconds, rng), rng) for rng in rngs]


@pytest.mark.parametrize("seconds", [3.0, 100.0])
def test_they_are_what_a_guarded_answer_reads_like(seconds):
    """A labeller who listed the same would be rendered word for word so: nothing withheld, nothing moved."""
    for text in [*texts(STANDARD, WIN, seconds, 10), *texts(DEMO, LOSS, seconds, 10)]:
        said, _, units = text.removeprefix("Evidence: ").partition(" Action units: ")
        pieces = [piece.rstrip(".") for piece in said.split(". ")]
        found = [UNIT.fullmatch(unit).groups() for unit in units.rstrip(".").split("; ") if units]
        listed = [
            ActionUnit(code=code, name=name, start_s=float(i), end_s=None, emotion=emotion)
            for i, (code, name, emotion) in enumerate(found)
        ]
        answer = Answer(
            action_units=listed,
            evidence_win=pieces[::2],
            evidence_loss=pieces[1::2],
            reflection=[],
            confidence_win=20,
            confidence_loss=80,
        )
        assert render(answer) == text


def test_every_unit_that_was_noticed_is_named_as_often():
    events = [e for e in schedule(STANDARD, WIN, 3000.0, np.random.default_rng(1)) if e.action in UNITS]
    text = describe(events, np.random.default_rng(2))
    true, told = Counter(e.action for e in events), Counter(re.findall(r"(\w+) [^;(]*\(", text))
    for action, (code, *_) in UNITS.items():
        assert told[code] == pytest.approx(0.7 * true[action], abs=4 * (0.21 * true[action]) ** 0.5)


def test_nobody_did_anything_and_nothing_was_imagined():
    quiet = (describe([], np.random.default_rng(i)) for i in range(2000))
    assert "Evidence: nothing of note." in quiet


def test_the_returned_likelihood_is_exact():
    """A likelihood ratio's mean is 1 where the other side is true, whatever it is the ratio of."""
    for seconds in (5.0, 15.0):
        lost = [description_llr(t, STANDARD, seconds) for t in texts(STANDARD, LOSS, seconds, 3000)]
        ratio = np.exp(lost)
        assert ratio.mean() == pytest.approx(1.0, abs=4 * ratio.std() / len(lost) ** 0.5)
    won = [description_llr(t, STANDARD, 100.0) for t in texts(STANDARD, WIN, 100.0, 400)]
    lost = [description_llr(t, STANDARD, 100.0) for t in texts(STANDARD, LOSS, 100.0, 400)]
    right = (np.mean(np.array(won) > 0) + np.mean(np.array(lost) < 0)) / 2
    assert 0.88 < right < 0.94  # Φ(1.4) = 0.92


RECIPE = Recipe(
    name="test",
    compute=Compute(threads=1),
    model=Model(
        out=16,
        hidden=8,
        keypoints=Temporal(dim=8, feedforward=8),
        image=Temporal(dim=8, feedforward=8),
        text=Bert(dim=32, feedforward=64, layers=1),
        image_features=4,
    ),
    data=Data(profile="standard", seconds=100.0, texts=600, branches=("text",)),
    describe=Stage(steps=60, batch=16, rate=2e-3, warmup=10),
)


def told(count, seed, tokenizer) -> list[Prepared]:
    people = described(structs.replace(RECIPE.data, texts=count), "standard", seed)
    return [text_only(r, Window(), tokenizer, RECIPE.model.text.length) for r in people]


def test_a_small_bert_learns_to_read_them_from_nothing():
    """Faint people, labels alone: on unseen ones it says most of what anybody could who reads the same."""
    torch.manual_seed(0)
    few = described(structs.replace(RECIPE.data, texts=100), "standard", 9)
    tokenizer = train_tokenizer([r.text for r in few], 400)
    learnt, unseen = told(RECIPE.data.texts, 1, tokenizer), told(300, 8_000_000, tokenizer)
    assert not {p.recording.subject for p in learnt} & {p.recording.subject for p in unseen}
    model = build(RECIPE, tokenizer)
    pretrain(Trainer(model, RECIPE), model, Pools(labelled=learnt))
    batch = assemble([Cut(p, 0, p.ticks) for p in unseen], RECIPE.window, Target(), ("text",))
    with torch.no_grad():
        said = torch.cat(
            [model.text(*part) for part in zip(batch.ids.split(50), batch.ids_mask.split(50), strict=True)]
        )
        logit = model.heads["text"](said)[:, 0].double().numpy()
    label = np.array([p.recording.label for p in unseen], float)
    best = np.array([description_llr(p.recording.text, STANDARD, 100.0) for p in unseen])
    right, possible = (np.mean((x > 0) == (label > 0.5)) for x in (logit, best))
    assert auroc(best, label) > 0.95
    assert auroc(logit, label) > 0.9
    assert right - 0.5 > 0.75 * (possible - 0.5)
