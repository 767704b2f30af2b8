"""A whole run: stage 1, stage 2, calibration; each stage writes a checkpoint, and a killed run resumes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec
import torch
from msgspec import structs

from stream.bundle.manifest import Calibration
from stream.errors import UsageError
from stream.files import replace_with
from training.config import Recipe, Ring
from training.data.materials import Materials
from training.data.prepared import Pools, Prepared, prepare
from training.data.sampling import win_share
from training.data.simulated import simulated
from training.evaluation.plots import learning_curves
from training.labelling.labels import Labels
from training.learning.calibration import calibrate, check
from training.learning.checkpoint import RING, WEIGHTS, Checkpoint, build, build_ring, load, save
from training.learning.log import Log
from training.learning.loop import Trainer
from training.learning.progress import STATE
from training.learning.ring_stage import train as train_ring
from training.learning.stages import branches_of, finetune, pretrain
from training.model.fused import Branches, Fused

PRETRAINED, FINETUNED = "stage1", "stage2"
LOG, CURVES, LABEL_HASHES = "log.jsonl", "curves.png", "told.json"


def run(recipe: Recipe, out: Path, materials: Materials) -> Checkpoint:
    """Both stages and the calibration, and ring mode if the recipe has it; checkpoints, the log and the
    resumable state go to ``out``."""
    check([*materials.pools.held_out, *materials.pools.warped_held_out], recipe)
    full = run_finetune(run_pretrain(recipe, out, materials), out, materials)
    if recipe.ring.course.steps:
        run_ring(full, out, materials)
    return full


def run_pretrain(recipe: Recipe, out: Path, materials: Materials) -> Checkpoint:
    """Stage 1."""
    pools = materials.pools
    if not pools.labelled:
        raise UsageError("expected labelled recordings to train on, found none; check the corpus and split.")
    if not branches_of(pools):
        wanted = " or ".join(recipe.data.branches)
        raise UsageError(
            f"expected recordings with what data.branches asks for ({wanted}), found none; use another "
            "corpus or other branches."
        )
    check_people(out, _stored_hashes(out).get("people"), materials.people)
    mark = label_hashes(materials.labels, recipe)
    initial = "" if (out / STATE).exists() else mark["texts"]  # older runs recorded nothing and had no labels
    check_labels(out, "texts", _stored_hashes(out).get("texts", initial), mark)
    torch.manual_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    bert = materials.bert
    recipe = bert.sized(recipe) if bert else recipe
    model = build(recipe, materials.tokenizer)
    if bert:
        bert.fill(model.text.bert)
    trainer = Trainer(model, _without_ring(recipe), out, Log(out / LOG))
    if not trainer.log.lines:
        counts = {name: len(getattr(pools, name)) for name in ("labelled", "pseudo", "validation", "warped")}
        pseudo_labels = len(pools.confidences)
        texts = str(materials.cut)
        source = {"source": bert.text.source, "sha256": bert.text.sha256} if bert else None
        trainer.log(
            stage="corpus", **counts, told=pseudo_labels, skipped=materials.skipped, texts=texts, bert=source
        )
    _store_hashes(trainer, out, {"texts": mark["texts"], "people": materials.people})
    pretrain(trainer, model, pools)
    about = {
        "stage": PRETRAINED,
        "branches": branches_of(pools),
        "wins": win_share(pools.labelled),  # of the training labels
        "told": {"texts": mark["texts"]},
        "people": materials.people,
        "text_form": materials.labels.form,
        "extractors": msgspec.to_builtins(materials.extractors),
    }
    checkpoint = Checkpoint(recipe, model, materials.tokenizer, about)
    # Once only, because a resumed model may be ahead.
    trainer.once("stage 1 kept", lambda: trainer.rank or save(out / PRETRAINED, checkpoint))
    return checkpoint


def run_finetune(first: Checkpoint, out: Path, materials: Materials) -> Checkpoint:
    """Stage 2 and calibration of a stage-1 checkpoint; the model is changed in place."""
    recipe, model, pools = first.recipe, first.model, materials.pools
    check_people(out, first.about.get("people"), materials.people)
    mark = label_hashes(materials.labels, recipe)
    check_labels(out, "texts", first.about.get("told", {}).get("texts"), mark)
    check_labels(out, "wins", _stored_hashes(out).get("wins", mark["wins"]), mark)
    trainer = Trainer(model, _without_ring(recipe), out, Log(out / LOG))
    _store_hashes(trainer, out, mark)
    branches = first.about["branches"]
    finetune(trainer, model, pools, branches)
    calibration, rows = _calibrated(trainer, model, pools, branches)
    about = first.about | {
        "stage": FINETUNED,
        "setting": materials.setting,
        "corpus": materials.corpus,
        "simulated": materials.simulated,
        "told": mark,
        "calibration": msgspec.to_builtins(calibration),
        "figures": rows,
    }
    checkpoint = Checkpoint(recipe, model, first.tokenizer, about)
    if trainer.rank == 0:
        save(out / FINETUNED, checkpoint)
        learning_curves(out / CURVES, trainer.log.lines, title=f"{recipe.name}: learning curves")
    return checkpoint


def run_ring(full: Checkpoint, out: Path, materials: Materials) -> Checkpoint:
    """Train and calibrate ring mode from the full network of stage 2.

    Raises UsageError for a recipe without ring.course.steps, or for held-out recordings too short to
    calibrate.
    """
    recipe, pools = full.recipe, materials.pools
    if not recipe.ring.course.steps:
        raise UsageError(
            f"{recipe.name}: expected a recipe with ring.course.steps, found none; give one with --recipe."
        )
    check([*pools.held_out, *pools.warped_held_out], recipe)
    check_people(out, full.about.get("people"), materials.people)
    mark = label_hashes(materials.labels, recipe)
    for kind in mark:
        check_labels(out, kind, _stored_hashes(out).get(kind, mark[kind]), mark)
    model, folder = build_ring(recipe, full.tokenizer), out / RING
    trainer = Trainer(model, recipe, folder, Log(folder / LOG))
    branches = full.about["branches"]
    train_ring(trainer, model, cast(Fused, full.model), pools, branches)  # a ring is never taught by a ring
    calibration, rows = _calibrated(trainer, model, pools, branches)
    about = full.about | {
        "stage": RING,
        "calibration": msgspec.to_builtins(calibration),
        "figures": rows,
    }
    checkpoint = Checkpoint(recipe, model, full.tokenizer, about)
    if trainer.rank == 0:
        save(folder, checkpoint)
        learning_curves(folder / CURVES, trainer.log.lines, title=f"{recipe.name}, ring: learning curves")
    return checkpoint


def _calibrated(
    trainer: Trainer, model: Branches, pools: Pools, branches: list[str]
) -> tuple[Calibration, list[dict[str, float | str]]]:
    # Films have real tracker noise, like live video: together they weigh as much as the other recordings.
    films = pools.warped_held_out
    held_out = [*pools.held_out, *films * (len(pools.held_out) // len(films) if films else 0)]
    calibration, rows = calibrate(model, held_out, trainer.recipe, branches)
    for row in rows:
        trainer.log(stage="calibration", **row)
    return calibration, rows


def _without_ring(recipe: Recipe) -> Recipe:
    """The recipe of both stages, which do not depend on the ring settings."""
    return structs.replace(recipe, ring=Ring())


def label_hashes(labels: Labels, recipe: Recipe) -> dict[str, str]:
    """Hashes of the labeller's results that a run uses: "texts" in stage 1, "wins" in stage 2."""
    wins = "" if recipe.weak.labels == "none" else labels.wins_sha256
    return {"texts": labels.texts_sha256, "wins": wins}


def check_labels(out: Path, kind: str, used: str | None, mark: Mapping[str, str]) -> None:
    """Raises UsageError if ``out`` was started with other texts or wins, which must not be mixed."""
    if (used or "") != mark[kind]:
        raise UsageError(
            f"{out}: expected the labeller's {kind} that its results began with, found others; "
            "give these with --labels, choose another --out, or remove the directory to start over."
        )


def check_people(out: Path, began: str | None, people: str) -> None:
    """UsageError where ``out`` began on another corpus, split or setting, or learnt from the labels of people
    who are hidden now: whoever was learnt from in the one may be a stranger in the other. Runs from before
    this was noted say nothing of it."""
    if began is not None and began != people:
        raise UsageError(
            f"{out}: expected the corpus, split, setting and --labels (or none) that this run began with, "
            "found others; give these, choose another --out, or remove the directory to begin again."
        )


def _stored_hashes(out: Path) -> dict[str, str]:
    """Hashes of the labels and people that the run in ``out`` started with, readable without its weights."""
    path = out / LABEL_HASHES
    return json.loads(path.read_text()) if path.exists() else {}


def _store_hashes(trainer: Trainer, out: Path, mark: Mapping[str, str]) -> None:
    if trainer.rank == 0:
        out.mkdir(parents=True, exist_ok=True)
        replace_with(out / LABEL_HASHES, json.dumps({**_stored_hashes(out), **mark}).encode())


def prepare_simulated(checkpoint: Checkpoint, count: int, seed: int) -> list[Prepared]:
    """A few simulated recordings prepared for a checkpoint's network."""
    recipe = checkpoint.recipe
    sizes = (recipe.model.text.length, recipe.model.image_features)
    people = simulated(recipe.data, recipe.data.profile, count, seed)
    return [prepare(r, recipe.window, checkpoint.tokenizer, *sizes) for r in people]


def resume(folder: Path) -> Checkpoint:
    """The checkpoint in ``folder``, or the newest stage below it."""
    for name in (FINETUNED, PRETRAINED):
        if (folder / name).is_dir():
            return load(folder / name)
    return load(folder)


def ring_of(folder: Path) -> Checkpoint | None:
    """The ring mode of the run in ``folder``, if it was trained."""
    return load(folder / RING) if (folder / RING / WEIGHTS).is_file() else None
