"""The optimisation loop: whoever draws its batches, in one process or two, stopped early or not."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from msgspec import structs

from training.config import to_toml
from training.data.materials import from_simulator
from training.data.prepared import Pools
from training.learning.checkpoint import build, load
from training.learning.log import Log, read
from training.learning.loop import Trainer
from training.learning.runs import FINETUNED, LOG
from training.learning.stages import pretrain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def materials(tiny_recipe):
    return from_simulator(tiny_recipe)


def trained(recipe, materials, log=None, **more):
    model = build(recipe, materials.tokenizer)
    pretrain(Trainer(model, recipe, log=log), model, Pools(labelled=materials.pools.labelled, **more))
    return model


def same(a, b):
    other = b.state_dict()
    return all(torch.equal(value, other[name]) for name, value in a.state_dict().items())


def test_workers_draw_the_same_batches(tiny_recipe, materials):
    alone = trained(tiny_recipe, materials)
    compute = structs.replace(tiny_recipe.compute, workers=2)
    assert same(alone, trained(structs.replace(tiny_recipe, compute=compute), materials))


def test_another_seed_gives_other_weights(tiny_recipe, materials):
    assert not same(trained(tiny_recipe, materials), trained(structs.replace(tiny_recipe, seed=1), materials))


def test_training_stops_when_validation_gets_no_better_and_keeps_the_best(tiny_recipe, materials):
    """Labels of the validation people are turned round, so every step makes them worse."""
    stage = structs.replace(
        tiny_recipe.pretrain, steps=60, rate=2e-2, average=0.1, validate_every=4, patience=2
    )
    recipe = structs.replace(tiny_recipe, pretrain=stage, moments=structs.replace(stage, steps=0))
    turned = [replace(p, pseudo_label=1.0 - p.recording.label) for p in materials.pools.labelled]
    log = Log()
    trained(recipe, materials, log, validation=turned)
    lines = [line for line in log.lines if line["stage"] == "pretrain keypoints"]
    assert lines[-1]["step"] < 60
    found = [line["validation"] for line in lines if "validation" in line]
    assert min(found) not in found[-2:]


@pytest.fixture(scope="module")
def uneven(materials):
    """Two wins for each loss, so that what balances classes has something to do."""
    people = materials.pools.labelled
    lost = [p for p in people if p.recording.label == 0]
    return replace(
        materials, pools=replace(materials.pools, labelled=[p for p in people if p not in lost[1::2]])
    )


@pytest.mark.parametrize(
    "switch",
    [{"contrastive": 0.1}, {"balance": "alpha"}, {"balance": "sampler"}, {"moments": 1.0}, {"gamma": 0.0}],
    ids=lambda switch: next(iter(switch)) + str(next(iter(switch.values()))),
)
def test_each_switch_of_stage_1_changes_what_is_learnt(tiny_recipe, uneven, switch):
    plain = structs.replace(
        tiny_recipe.pretrain, contrastive=0.0, balance="none", moments=0.0, gamma=2.0, steps=4
    )
    recipe = structs.replace(
        tiny_recipe, pretrain=plain, moments=structs.replace(tiny_recipe.moments, steps=0)
    )
    switched = structs.replace(recipe, pretrain=structs.replace(plain, **switch))
    a, b = trained(recipe, uneven), trained(switched, uneven)
    assert not same(a.keypoints, b.keypoints)
    if "moments" in switch:
        assert not same(a.moment_heads["keypoints"], b.moment_heads["keypoints"]), "its own head learns too"
    else:
        assert same(a.moment_heads, b.moment_heads)


def test_half_precision_trains(tiny_recipe, tmp_path):
    compute = structs.replace(tiny_recipe.compute, precision="bf16")
    run_apart(structs.replace(tiny_recipe, compute=compute), tmp_path, [sys.executable, "-m", "training"])
    weights = load(tmp_path / "run" / FINETUNED).model.state_dict()
    assert all(torch.isfinite(v).all() for v in weights.values() if v.is_floating_point())


def test_two_processes_train_one_model(tiny_recipe, tmp_path):
    """Through accelerate's launcher, on the processor: what a machine with two GPUs would do."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    launcher += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "training"]
    run_apart(tiny_recipe, tmp_path, launcher)
    lines = read(tmp_path / "run" / LOG)
    assert [line["stage"] for line in lines].count("corpus") == 1
    steps = [line["step"] for line in lines if line["stage"] == "finetune"]
    assert steps == sorted(set(steps))
    assert (tmp_path / "run" / FINETUNED / "weights.safetensors").exists()


def run_apart(recipe, folder, command):
    (folder / "recipe.toml").write_text(to_toml(recipe))
    done = subprocess.run(
        [*command, "run", str(folder / "recipe.toml"), "--out", str(folder / "run")],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
