"""The ring mode's course: targets at every tick, what it takes over, resuming, delivery beside full mode."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from msgspec import structs
from ring_course import COURSE, ring_materials, ring_recipe

from stream.bundle import manifest as contract
from stream.bundle.load import Bundle
from stream.errors import ModelError, UsageError
from training.config import Model, Recipe, Ring, Target
from training.data.materials import from_simulator
from training.data.sampling import Cut, assemble, course_of, target_of
from training.delivery.deliver import deliver, deliver_run
from training.learning import ring_stage as ring_course
from training.learning import runs
from training.learning.checkpoint import RING, build_ring
from training.learning.checkpoint import load as load_checkpoint
from training.learning.loop import observed
from training.learning.ring_stage import DELAY, course_loss
from training.model.ring import RingFused
from training.studies.panel import Panel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    return ring_recipe(tiny_recipe)


@pytest.fixture(scope="module")
def materials(recipe):
    return ring_materials(recipe)


@pytest.fixture(scope="module")
def folder(recipe, materials, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    runs.run(recipe, out, materials)
    return out


@pytest.fixture(scope="module")
def ring(folder):
    return runs.ring_of(folder)


def test_a_run_teaches_both_modes_and_each_is_calibrated_for_itself(folder, ring):
    full = runs.resume(folder)
    assert full.about["stage"] == runs.FINETUNED
    assert ring.about["stage"] == RING
    assert ring.about["calibration"]["knots_s"] == full.about["calibration"]["knots_s"]
    assert ring.about["calibration"]["slope"] != full.about["calibration"]["slope"]
    assert (folder / RING / runs.CURVES).stat().st_size > 1000


def test_the_text_branch_stays_the_full_mode_s(folder, ring):
    full = runs.resume(folder)
    for name, value in full.model.text.state_dict().items():
        assert torch.equal(value, ring.model.text.state_dict()[name])


def test_a_run_without_a_ring_has_none(tmp_path):
    assert runs.ring_of(tmp_path) is None


def test_a_recipe_without_a_course_is_refused(folder, materials, recipe):
    full = dataclasses.replace(runs.resume(folder), recipe=structs.replace(recipe, ring=Ring()))
    with pytest.raises(UsageError, match=r"ring\.course\.steps.*--recipe"):
        runs.run_ring(full, folder, materials)


def test_a_sparse_sampler_is_refused():
    with pytest.raises(ValueError, match="tick after tick"):
        Recipe(name="x", ring=Ring(course=structs.replace(COURSE, sampler="paper")))


@pytest.mark.parametrize("target", [Target(), Target(kind="evidence", temper=0.7, limit=2.0)])
def test_the_target_at_every_tick_is_that_of_the_window_up_to_it(materials, target):
    for source in materials.pools.labelled:
        cut = Cut(source, 20, 110)
        course = course_of(cut, target)
        ends = [20, 21, 57, 109]
        expected = [target_of(Cut(source, 20, end + 1), target) for end in ends]
        np.testing.assert_allclose(course[[e - 20 for e in ends]], expected, atol=2e-4)


def test_a_slot_s_target_is_that_of_its_last_tick(materials, recipe):
    source = materials.pools.labelled[0]
    cut = Cut(source, 10, 62)
    batch = assemble([cut], recipe.window, recipe.target)
    course = course_of(cut, recipe.target)
    assert batch.course[0].tolist() == course.tolist()
    assert batch.slot_course[0, -1] == course[-1]  # of a slot that goes on
    assert batch.slot_course[0, -2] == course[59 - 10]


def test_positions_before_anybody_was_seen_do_not_count(recipe):
    rows = 30
    batch = assemble_like(rows)
    seen = torch.arange(rows)[None] >= 12
    said, moments = torch.zeros(1, rows), torch.zeros(1, rows)

    def loss(said):
        return float(course_loss("keypoints", said, moments, seen, batch, COURSE, recipe))

    base = loss(said)
    early, late = said.clone(), said.clone()
    early[0, 3], late[0, 20] = 4.0, 4.0
    assert loss(early) == base
    assert loss(late) != base


def test_moments_are_asked_for_once_they_are_past(recipe):
    rows = 40
    batch = assemble_like(rows)
    batch.moments[0, 20] = 1.0
    seen, said = torch.ones(1, rows, dtype=torch.bool), torch.zeros(1, rows)
    right = torch.zeros(1, rows)
    right[0, 20 + DELAY["keypoints"]] = 1.0
    losses = [
        float(course_loss("keypoints", said, m, seen, batch, COURSE, recipe)) for m in (right, batch.moments)
    ]
    assert losses[0] < losses[1]


def test_distilling_asks_the_newest_position_for_what_the_full_branch_says(
    recipe, materials, monkeypatch, folder
):
    """The loss that a trainer is given, with and without ``distil``, of the same batch."""
    given = []
    trainer = SimpleNamespace(
        recipe=recipe,
        accelerator=SimpleNamespace(device="cpu"),
        once=lambda name, act: None,
        fit=lambda parts, loss, windows: given.append(loss),
    )
    monkeypatch.setattr(ring_course, "windows_of", lambda *_: None)
    full, model = runs.resume(folder).model, build_ring(recipe, materials.tokenizer).eval()
    for distil in (0.0, 2.0):
        trainer.recipe = structs.replace(recipe, ring=structs.replace(recipe.ring, distil=distil))
        ring_course._train_branch(trainer, model, full, "keypoints", [materials.pools.labelled])
    batch = assemble([Cut(p, 0, 60) for p in materials.pools.labelled[:3]], recipe.window, recipe.target)
    with torch.no_grad():
        plain, distilled = (float(loss(batch)) for loss in given)
        newest = model.course("keypoints", batch)[0][:, -1]
        wise = full.alone("keypoints", batch).sigmoid()
    apart = torch.nn.functional.binary_cross_entropy_with_logits(newest, wise)
    assert distilled - plain == pytest.approx(2.0 * float(apart), rel=1e-5)


def assemble_like(rows):
    return SimpleNamespace(course=torch.ones(1, rows), moments=torch.zeros(1, rows), weight=torch.ones(1))


def test_moments_of_people_without_labels_are_not_used(recipe):
    batch, rows = assemble_like(40), 40  # all zeros
    seen, said = torch.ones(1, rows, dtype=torch.bool), torch.zeros(1, rows)
    some, others = torch.zeros(1, rows), torch.full((1, rows), 3.0)
    a, b = (course_loss("keypoints", said, m, seen, batch, COURSE, recipe) for m in (some, others))
    assert float(a) == float(b)


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [3, 11, 21])
def test_a_killed_course_ends_as_an_uninterrupted_one(folder, ring, materials, tmp_path, at):
    steps = []

    def counted(*step):
        steps.append(step)
        if len(steps) == at:
            raise Killed

    full = runs.resume(folder)
    with observed(counted), pytest.raises(Killed):
        runs.run_ring(full, tmp_path, materials)
    again = runs.run_ring(runs.resume(folder), tmp_path, materials)
    for name, value in ring.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_a_ring_judges_like_any_run(folder, ring, materials):
    people = materials.pools.held_out
    said = Panel([ring]).moments(people, [2.0, 4.0])
    assert len(said) == 2 * len(people)
    assert all(0 < p.win < 1 for p in said)
    full = Panel([runs.resume(folder)]).moments(people, [2.0, 4.0])
    assert [p.win for p in said] != [p.win for p in full]


@pytest.fixture(scope="module")
def keypoints_alone(recipe, tmp_path_factory):
    """A run without images, which deliver can do without an encoder."""
    alone = structs.replace(
        recipe,
        data=structs.replace(recipe.data, branches=("keypoints", "text")),
        ring=structs.replace(recipe.ring, distil=0.0),
    )
    out = tmp_path_factory.mktemp("alone")
    runs.run(alone, out, from_simulator(alone))
    return out


def test_a_bundle_ships_both_modes(keypoints_alone):
    checkpoint, ring = runs.resume(keypoints_alone), runs.ring_of(keypoints_alone)
    bundle, reports = deliver(checkpoint, keypoints_alone / "bundle", ring=ring)
    modes = Bundle.load(bundle.folder).manifest.modes
    assert set(modes) == {"full", "ring"}
    steps = modes["ring"].steps["keypoints"]
    assert set(steps.graphs) == {1, 5, 25}
    assert steps.ring.reach == checkpoint.recipe.window.poses
    assert (steps.ring.readout, steps.ring.local) == (5, 3)
    assert modes["ring"].branches["text"] == modes["full"].branches["text"]
    assert modes["ring"].hop == ring.recipe.ring.hop
    assert all(r.worst < 1e-4 for r in reports)


@pytest.mark.parametrize("pool", ["mean", "attention"])
def test_a_ring_that_pools_the_window_is_taught_and_delivered(keypoints_alone, tmp_path, pool):
    first = runs.resume(keypoints_alone)
    ring = structs.replace(first.recipe.ring, pool=pool, layers=1, band_s=0.4)
    recipe = structs.replace(first.recipe, ring=ring)
    full = load_checkpoint(keypoints_alone / runs.FINETUNED, recipe)
    taught = runs.run_ring(full, tmp_path, from_simulator(recipe))
    bundle, reports = deliver(runs.resume(keypoints_alone), tmp_path / "bundle", ring=taught)
    spec = Bundle.load(bundle.folder).manifest.modes["ring"].steps["keypoints"].ring
    assert (spec.pool, spec.readout, spec.bands) == (pool, 150, (10,))
    assert spec.receptive_field == 150 - 1 + (10 - 1) + (3 - 1) + 1
    assert all(r.worst < 1e-4 for r in reports)


def test_a_ring_taught_at_another_length_takes_the_full_mode_along(keypoints_alone, materials, tmp_path):
    """As `small-ring` does with `small`."""
    first = runs.resume(keypoints_alone)
    longer = structs.replace(
        first.recipe, delivery=structs.replace(first.recipe.delivery, poses=200, features=40)
    )
    full = load_checkpoint(keypoints_alone / runs.FINETUNED, longer)
    ring = runs.run_ring(full, tmp_path, from_simulator(longer))
    deliver_run(first, tmp_path / "bundle", tmp_path, "a command", ring)
    manifest = Bundle.load(tmp_path / "bundle").manifest
    assert (manifest.window.poses, manifest.window.features) == (200, 40)
    assert manifest.modes["ring"].steps["keypoints"].ring.reach == 200
    assert manifest.modes["full"].branches["keypoints"].inputs[0].shape[1] == 200


def test_a_ring_of_another_window_is_refused(keypoints_alone, tmp_path):
    checkpoint, ring = runs.resume(keypoints_alone), runs.ring_of(keypoints_alone)
    longer = structs.replace(ring.recipe, delivery=structs.replace(ring.recipe.delivery, poses=300))
    with pytest.raises(ModelError, match=r"150 poses, found one of 300.*delivery\.poses = 150"):
        deliver(checkpoint, tmp_path / "b", ring=dataclasses.replace(ring, recipe=longer))


def test_default_sizes_are_the_window_s():
    ring = RingFused(Model(), Ring(), contract.Window(), 50)
    assert [layer.band for layer in ring.keypoints.ring.layers] == [1334] * 3
    assert [layer.band for layer in ring.image.ring.layers] == [267, 267, 268]
