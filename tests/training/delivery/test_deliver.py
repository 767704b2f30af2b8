from dataclasses import replace

import numpy as np
import pytest
import torch
from msgspec import structs

from export.commands.smoke import inspect
from export.lowering.module_parity import session
from stream.branches.calibration import calibrated
from stream.bundle.load import check_extractor, load
from stream.bundle.manifest import Extractor, key_of
from stream.errors import BundleError, ModelError, UsageError
from stream.frontend.mediapipe.embedded import EXTRACTOR
from stream.verify import bundle_parity, golden
from training.data.materials import from_simulator
from training.data.simulated import HELD_OUT
from training.delivery.cases import real_cases
from training.delivery.deliver import deliver, deliver_run, extractors_of, summary
from training.delivery.golden import simulated_clips
from training.labelling import labels
from training.learning import runs
from training.learning.calibration import cap_at, subsets
from training.learning.checkpoint import WEIGHTS, Checkpoint
from training.learning.checkpoint import load as load_checkpoint
from training.learning.log import read
from training.model import image_encoder
from training.simulator.as_corpus import source

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    return structs.replace(tiny_recipe, data=structs.replace(tiny_recipe.data, mixed=0.25))


@pytest.fixture(scope="module")
def folder(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    runs.run(recipe, out, from_simulator(recipe))
    return out


@pytest.fixture(scope="module")
def delivered(folder):
    checkpoint = runs.resume(folder)
    real = runs.prepare_simulated(checkpoint, 2, HELD_OUT)
    bundle, reports = deliver(checkpoint, folder / "bundle", real=real, command="a command")
    return checkpoint, bundle, reports


def test_both_stages_leave_a_checkpoint_and_a_log(folder):
    assert {p.name for p in folder.iterdir()} >= {runs.PRETRAINED, runs.FINETUNED, runs.LOG}
    stages = [line["stage"] for line in read(folder / runs.LOG)]
    assert stages[0] == "corpus"
    assert {"moments keypoints", "pretrain keypoints", "pretrain text", "finetune", "calibration"} <= set(
        stages
    )


def test_a_checkpoint_comes_back_whole(recipe, folder):
    first, second = (load_checkpoint(folder / runs.FINETUNED) for _ in range(2))
    assert first.recipe == recipe
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name])
    assert first.tokenizer.encode("a small nod").ids == second.tokenizer.encode("a small nod").ids


def test_the_same_recipe_gives_the_same_weights(recipe, folder, tmp_path):
    again = runs.run(recipe, tmp_path, from_simulator(recipe)).model.state_dict()
    for name, value in runs.resume(folder).model.state_dict().items():
        assert torch.equal(value, again[name]), name


def test_a_damaged_checkpoint_is_one_sentence(folder, tmp_path):
    with pytest.raises(ModelError, match="expected a checkpoint"):
        load_checkpoint(tmp_path)
    for path in (folder / runs.FINETUNED).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    raw = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ModelError, match="train again"):
        load_checkpoint(tmp_path)


def test_only_branches_that_learnt_are_delivered(delivered):
    _, bundle, reports = delivered
    manifest = bundle.manifest
    assert set(manifest.modes["full"].branches) == {"keypoints", "text"}
    assert manifest.image is None
    assert {r.file for r in reports} == {"keypoints.onnx", "text.onnx", "fusion.onnx"}
    assert max(r.worst for r in reports) <= 1e-4
    assert len(list(inspect(bundle))) == 3
    assert "MB" in summary(bundle, reports)


def test_the_form_of_the_texts_goes_along(recipe, folder, tmp_path):
    """From the labeller's lines to the manifest, which the live side renders its own descriptions by."""
    assert runs.resume(folder).about["text_form"] == "guarded"
    labels.write(tmp_path / "said.jsonl", [labels.Line("0001", 0.9, "Confidence: win 90, loss 10.", "paper")])
    materials = replace(from_simulator(recipe), labels=labels.read(tmp_path / "said.jsonl"))
    runs.run(recipe, tmp_path, materials)
    for name, form in ((folder, "guarded"), (tmp_path, "paper")):
        bundle, _ = deliver(runs.resume(name), tmp_path / f"{form}-bundle", command="a command")
        assert bundle.manifest.text.form == form


def test_golden_tensors_are_what_the_network_says_of_made_up_people(folder, delivered, tmp_path):
    checkpoint = runs.resume(folder)
    bundle, _ = deliver(
        checkpoint, tmp_path / "bundle", golden=simulated_clips(checkpoint), command="a command"
    )
    said = bundle.manifest.golden
    assert said.files == ("golden/0.npz", "golden/1.npz")
    assert "simulated people" in said.inputs
    assert "torch" in said.outputs
    assert bundle.manifest.tolerances == bundle_parity.USUAL
    report = bundle_parity.check(bundle)
    assert report.passed
    assert {d.graph for d in report.graphs} == {"keypoints", "text", "fusion"}
    assert report.estimates == 2 * 2 * len(golden.load(bundle)[0].inputs.moments)
    clip = golden.load(bundle)[1]
    view = list(golden.views(clip.inputs, bundle.manifest.window, 0))[-1]
    values = [torch.from_numpy(view.groups[name].copy())[None] for name in view.groups]
    masks = [torch.from_numpy(view.masks[name].copy())[None] for name in view.masks]
    with torch.no_grad():
        expected = checkpoint.model.eval().keypoints(*values, *masks)[0].numpy()
    np.testing.assert_allclose(clip.answers.vectors["keypoints"][-1], expected, atol=1e-5, rtol=1e-4)
    assert delivered[1].manifest.golden is None  # without clips there are none


def test_graphs_that_say_something_else_of_whole_clips_are_not_delivered(folder, tmp_path, monkeypatch):
    checkpoint = runs.resume(folder)
    real = bundle_parity.compute_answers

    def off(*arguments):
        answers = real(*arguments)
        answers.vectors["text"][:] *= 1.01
        return answers

    monkeypatch.setattr(bundle_parity, "compute_answers", off)
    with pytest.raises(ModelError, match=r"found others from text \(relative 0.01"):
        deliver(checkpoint, tmp_path / "bundle", golden=simulated_clips(checkpoint))
    assert not (tmp_path / "bundle").exists()


def test_the_manifest_says_what_it_is(delivered):
    manifest = delivered[1].manifest
    assert manifest.name == "test"
    assert manifest.prior == 0.5
    assert manifest.window.poses == 150
    assert "made-up people" in manifest.provenance.note
    assert manifest.provenance.command == "a command"


def test_real_windows_agree_with_the_module_after_padding(delivered):
    """The graph on a padded 150-slot window says what the module says of the short recording."""
    checkpoint, bundle, _ = delivered
    source = runs.prepare_simulated(checkpoint, 1, HELD_OUT + 7)
    case = real_cases(checkpoint, source)["keypoints"][0]
    runner = session(bundle.path("keypoints.onnx"))
    found = runner.run(None, case)[0]
    with torch.no_grad():
        stop = source[0].ticks
        values = [v[None, stop - 150 :].float() for v in source[0].groups.values()]
        masks = [m[None, stop - 150 :] for m in source[0].masks.values()]
        expected = checkpoint.model.keypoints(*values, *masks).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-4)


def test_no_logit_at_all_makes_a_short_window_sure(recipe, delivered):
    calibration = delivered[1].manifest.modes["full"].calibration
    for branches in subsets(("keypoints", "text")):
        assert key_of(branches) in calibration.slope
        for seconds in (0.1, 1.0, 4.0, 1000.0):
            most = cap_at(min(max(seconds, 1.0), 4.0), recipe.calibrating)
            for logit in (-4.0, 4.0):
                win = calibrated(calibration, logit, branches, seconds, 0.5)
                assert abs(np.log(win / (1 - win))) <= most + 1e-4


def test_an_uncalibrated_checkpoint_is_not_delivered(folder, tmp_path):
    first = load_checkpoint(folder / runs.PRETRAINED)
    with pytest.raises(ModelError, match="calibrated checkpoint"):
        deliver(first, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_an_image_branch_needs_its_encoder(recipe, folder, tmp_path):
    checkpoint = runs.resume(folder)
    about = {**checkpoint.about, "branches": ["keypoints", "image"]}
    with pytest.raises(ModelError, match="portrait encoder"):
        deliver(Checkpoint(recipe, checkpoint.model, checkpoint.tokenizer, about), tmp_path / "bundle")


def with_about(checkpoint, **changes):
    about = {**checkpoint.about, **changes}
    return Checkpoint(checkpoint.recipe, checkpoint.model, checkpoint.tokenizer, about)


OPENPOSE = {"name": "OpenPose", "sha256": "unknown"}
MADE_UP = source("made").about.extractors


def test_a_bundle_names_the_extractor_of_its_corpus(folder, tmp_path):
    told = with_about(runs.resume(folder), extractors={"keypoints": OPENPOSE, "image": OPENPOSE})
    deliver_run(told, tmp_path / "bundle", tmp_path, "a command")
    bundle = load(tmp_path / "bundle")
    assert bundle.manifest.extractors == {"keypoints": Extractor(**OPENPOSE)}  # no image branch
    with pytest.raises(BundleError, match="--any-extractor"):
        check_extractor(bundle, EXTRACTOR)


def test_the_simulator_stands_for_the_built_in_front_end(folder):
    assert extractors_of(runs.resume(folder).about) == (EXTRACTOR, None)
    assert extractors_of({}) == (EXTRACTOR, None)
    about = {"extractors": {name: {"name": e.name, "sha256": e.sha256} for name, e in MADE_UP.items()}}
    assert extractors_of(about) == (EXTRACTOR, None)
    assert MADE_UP["keypoints"] != EXTRACTOR


def test_image_features_of_another_encoder_are_refused(folder, tmp_path):
    course = image_encoder.TrainingOptions(
        samples=64, passes=1, chunk=64, people=4, batch=32, threads=1, check=4
    )
    image_encoder.train(tmp_path / "encoder", course)
    about = {"branches": ["keypoints", "image"], "extractors": {"image": OPENPOSE}}
    with pytest.raises(ModelError, match=r"came from, OpenPose .* name the former with --encoder"):
        deliver_run(with_about(runs.resume(folder), **about), tmp_path / "bundle", tmp_path / "encoder", "")
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_says_what_corpus_it_learnt_from(folder, tmp_path):
    checkpoint = runs.resume(folder)
    about = checkpoint.about | {"corpus": "press-conferences", "simulated": False}
    real = Checkpoint(checkpoint.recipe, checkpoint.model, checkpoint.tokenizer, about)
    bundle, _ = deliver(real, tmp_path / "bundle")
    said = bundle.manifest.provenance
    assert said.data == "press-conferences"
    assert (
        said.note == "Trained on press-conferences: its accuracy on other people in other places is unknown."
    )


def test_knots_beyond_the_window_are_refused(folder, tmp_path):
    """A window of 6 s never holds 40 valid seconds: what such a knot says would never be true."""
    checkpoint = runs.resume(folder)
    longer = structs.replace(checkpoint.recipe.calibrating, knots_s=(1.0, 40.0))
    checkpoint = replace(checkpoint, recipe=structs.replace(checkpoint.recipe, calibrating=longer))
    with pytest.raises(UsageError, match=r"expected calibrating\.knots_s up to the window's .* found 40 s"):
        deliver(checkpoint, tmp_path / "bundle", command="a command")
    assert not list(tmp_path.iterdir())
