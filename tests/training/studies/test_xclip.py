"""X-CLIP as a line of a table: frames of a corpus, people who are not to be seen, a study that goes on."""

import csv
import shutil

import numpy as np
import pytest
import torch
from msgspec import structs
from transformers import XCLIPConfig, XCLIPModel

from stream.errors import UsageError
from training.config import Video
from training.corpus.store import Store
from training.data.materials import from_corpus
from training.evaluation.predictions import Prediction
from training.extraction import frames
from training.learning.loop import observed
from training.studies import ablation, xclip
from training.studies.ablation import FEATURES, TABLES
from training.studies.cells import Ground
from training.studies.xclip import ClipBatches, clips, run_xclip, visible

pytestmark = pytest.mark.slow

COUNT, SIZE = 4, 32
LAYER = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32}


@pytest.fixture(scope="module")
def recipe(quick_recipe, tmp_path_factory):
    """With weights of a tiny X-CLIP."""
    vision = LAYER | {"mit_hidden_size": 8, "mit_intermediate_size": 16, "mit_num_attention_heads": 2}
    vision |= {"num_frames": COUNT, "image_size": SIZE, "patch_size": 16}
    text = LAYER | {"vocab_size": 4}
    torch.manual_seed(0)
    config = XCLIPConfig(
        text_config=text, vision_config=vision, projection_dim=8, prompt_num_attention_heads=2
    )
    folder = tmp_path_factory.mktemp("weights")
    XCLIPModel(config).save_pretrained(folder)
    video = Video(source=str(folder), frames=COUNT, out=6)
    stage = structs.replace(quick_recipe.pretrain, steps=30, batch=8, rate=3e-3)
    return structs.replace(quick_recipe, video=video, pretrain=stage)


@pytest.fixture
def ground(corpus_folder, tmp_path):
    """A corpus whose winners' pictures are bright, and the losers' dark."""
    folder = tmp_path / "corpus"
    shutil.copytree(corpus_folder, folder)
    store, rng = Store.open(folder), np.random.default_rng(0)
    for e in store.index.entries:
        low = 140 if e.label else 0
        frames.write(folder, e.id, rng.integers(low, low + 110, (COUNT, SIZE, SIZE, 3), dtype=np.uint8))
    return Ground(store)


def empty(ground, ids):
    for id in ids:
        frames.write(ground.store.folder, id, np.zeros((0, SIZE, SIZE, 3), np.uint8))


def test_what_the_pictures_show_is_learnt_and_kept(recipe, ground, tmp_path):
    found = run_xclip(recipe, ground, "inductive", tmp_path / "cell")
    assert [p.id for p in found] == [p.name for p in from_corpus(recipe, ground.store).test]
    assert all((p.win > 0.5) == (p.label == 1) for p in found)
    with observed(lambda *_: pytest.fail("trained again")):
        assert run_xclip(recipe, ground, "inductive", tmp_path / "cell") == found
        (tmp_path / "cell" / "predictions.jsonl").unlink()  # killed between training and judging
        assert run_xclip(recipe, ground, "inductive", tmp_path / "cell") == found
    with pytest.raises(UsageError, match="cell: expected results of this recipe, found those of another"):
        run_xclip(structs.replace(recipe, seed=7), ground, "inductive", tmp_path / "cell")


def test_a_batch_is_what_was_written(recipe, ground):
    people = from_corpus(recipe, ground.store).test
    batch = clips(ground.store, people, COUNT)
    assert batch.frames.dtype == torch.uint8
    assert batch.frames.shape == (len(people), COUNT, 3, SIZE, SIZE)
    stored = frames.read(ground.store.folder, people[1].name, COUNT)
    assert np.array_equal(batch.frames[1].permute(0, 2, 3, 1).numpy(), stored)
    assert batch.target.tolist() == [p.recording.label for p in people]


def test_classes_weigh_the_same_as_the_stage_asks(recipe, ground, tmp_path, monkeypatch):
    """Three wins to a loss, as in iMiGUE: the baseline gets the same help as the branch beside it."""
    people = from_corpus(recipe, ground.store).pools.labelled
    uneven = [p for p in people if p.recording.label][:3] + [p for p in people if not p.recording.label][:1]
    stage = structs.replace(recipe.pretrain, balance="sampler", batch=400)
    monkeypatch.setattr(xclip, "clips", lambda store, chosen, count: chosen)
    for balance, share in (("none", 0.75), ("sampler", 0.5)):
        asked = structs.replace(stage, balance=balance)
        chosen = ClipBatches("video", uneven, ground.store, recipe, asked)[0]
        assert sum(p.recording.label for p in chosen) / 400 == pytest.approx(share, abs=0.08)
    monkeypatch.undo()
    alphas, real = [], xclip.focal
    monkeypatch.setattr(
        xclip, "focal", lambda *a, alpha, **k: alphas.append(alpha) or real(*a, alpha=alpha, **k)
    )
    pools = iter([uneven])  # training first; the others as they are
    monkeypatch.setattr(xclip, "visible", lambda store, pool, count: next(pools, pool))
    recipe = structs.replace(recipe, pretrain=structs.replace(stage, balance="alpha", batch=2, steps=1))
    run_xclip(recipe, ground, "inductive", tmp_path / "cell")
    assert alphas == [0.25]


def test_nobody_in_a_video_is_left_out_of_training_and_gets_the_prior(recipe, ground, tmp_path):
    delivery = structs.replace(recipe.delivery, prior=0.6)
    recipe = structs.replace(recipe, delivery=delivery)
    materials = from_corpus(recipe, ground.store)
    pools, test = materials.pools, [p.name for p in materials.test]
    gone = [pools.labelled[0].name, pools.held_out[0].name, pools.pseudo[0].name, test[0]]
    empty(ground, gone)
    assert [p.name for p in visible(ground.store, pools.labelled, COUNT)] == [
        p.name for p in pools.labelled[1:]
    ]
    found = {p.id: p for p in run_xclip(recipe, ground, "transductive", tmp_path / "cell")}
    assert list(found) == test
    assert (found[test[0]].win, found[test[0]].logit, found[test[0]].seconds) == (
        pytest.approx(0.6),
        0.0,
        0.0,
    )
    assert all(found[id].seconds == 6.0 for id in test[1:])


def test_a_corpus_without_frames(recipe, store, ground, tmp_path):
    with pytest.raises(
        UsageError, match=r"expected 4 frames of the video, found none; extract .* --frames 4`\.$"
    ):
        run_xclip(recipe, Ground(store), "inductive", tmp_path / "none")
    test = from_corpus(recipe, ground.store).test[-1].name
    path = frames.path_of(ground.store.folder, test)
    path.unlink()
    with pytest.raises(UsageError, match=rf"{test}\.safetensors: expected 4 frames"):
        run_xclip(recipe, ground, "inductive", tmp_path / "one")  # before anything is trained
    frames.write(ground.store.folder, test, np.zeros((COUNT + 1, SIZE, SIZE, 3), np.uint8))
    with pytest.raises(UsageError, match="expected 4 frames of the video, found none"):
        run_xclip(recipe, ground, "inductive", tmp_path / "five")
    assert not list(tmp_path.glob("*/log.jsonl"))


def test_nobody_in_any_video(recipe, ground, tmp_path):
    empty(ground, ground.store.entries)
    with pytest.raises(
        UsageError, match="expected people to train on and to calibrate with, found nobody in"
    ):
        run_xclip(recipe, ground, "inductive", tmp_path / "cell")


def test_the_image_table_sets_it_beside_the_features(recipe, ground, tmp_path, monkeypatch, few_resamples):
    """Its cell is trained here; the other line's is not."""

    def coin(recipe, ground, setting, out, **_):
        people = from_corpus(recipe, ground.store).test
        about = [{"id": p.name, "subject": p.recording.subject, "label": p.recording.label} for p in people]
        return [Prediction(**a, win=0.5, logit=0.0, seconds=6.0) for a in about]

    monkeypatch.setattr(ablation, "run_cell", coin)
    ablation.ablate("image", recipe, ground, [0], tmp_path)
    with (tmp_path / "image.csv").open(newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    line = TABLES["image"][1].name
    assert f"against {FEATURES}" in rows[line]["note"]
    assert float(rows[line]["accuracy"]) == 1.0
    assert float(rows[FEATURES]["accuracy"]) == 0.5
    assert (tmp_path / "image.png").read_bytes().startswith(b"\x89PNG")
