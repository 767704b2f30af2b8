"""A whole run: corpus, stage 1, stage 2, calibration; each stage leaves a checkpoint."""

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import torch
from tokenizers import Tokenizer

from training.calibrate import calibrate
from training.checkpoint import Checkpoint, build, load, save
from training.config import Recipe
from training.corpus import Recording
from training.dataset import (
    EASIER,
    HELD_OUT,
    UNLABELLED,
    Corpus,
    Prepared,
    prepare,
    pseudo_labelled,
    sample_texts,
    simulated,
)
from training.loop import Log
from training.model.text import train_tokenizer
from training.stages import finetune, pretrain

PRETRAINED, FINETUNED = "stage1", "stage2"
LOG = "log.jsonl"


def run(recipe: Recipe, out: Path, warped: tuple[list[Recording], list[Recording]] = ([], [])) -> Checkpoint:
    """Both stages and the calibration; checkpoints and the log go to ``out``.

    ``warped``: recordings through the real keypoint chain, to train on and held out; may be empty.
    """
    first, corpus = run_pretrain(recipe, out, warped)
    return run_finetune(first, corpus, out)


def run_pretrain(
    recipe: Recipe, out: Path, warped: tuple[list[Recording], list[Recording]] = ([], [])
) -> tuple[Checkpoint, Corpus]:
    """Stage 1."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    log = Log(out / LOG)
    tokenizer = train_tokenizer(sample_texts(recipe), recipe.model.text.vocabulary)
    corpus = build_corpus(recipe, tokenizer, warped)
    log(stage="corpus", recordings=len(corpus.labelled), warped=len(corpus.warped))
    model = build(recipe, tokenizer)
    pretrain(model, corpus, recipe, log)
    checkpoint = Checkpoint(recipe, model, tokenizer, {"stage": PRETRAINED, "branches": branches_of(corpus)})
    save(out / PRETRAINED, checkpoint)
    return checkpoint, corpus


def run_finetune(first: Checkpoint, corpus: Corpus, out: Path) -> Checkpoint:
    """Stage 2 and calibration of what stage 1 left; the model is changed in place."""
    recipe, model, log = first.recipe, first.model, Log(out / LOG)
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed + 1)
    finetune(model, corpus, recipe, log)
    # Live pictures come through the keypoint chain: where there are recordings of it, they decide.
    held_out = corpus.warped_held_out or corpus.held_out
    branches = first.about["branches"]
    calibration, rows = calibrate(model, held_out, recipe, branches)
    for row in rows:
        log(stage="calibration", **row)
    about = {
        "stage": FINETUNED,
        "branches": branches,
        "calibration": msgspec.to_builtins(calibration),
        "figures": rows,
    }
    checkpoint = Checkpoint(recipe, model, first.tokenizer, about)
    save(out / FINETUNED, checkpoint)
    return checkpoint


def build_corpus(
    recipe: Recipe, tokenizer: Tokenizer, warped: tuple[list[Recording], list[Recording]] = ([], [])
) -> Corpus:
    """Simulate and prepare everything that a recipe asks for."""
    data, seed = recipe.data, 10_000 * recipe.seed

    def made(pairs: Iterable[tuple[Recording, bool]], weight: float = 1.0) -> list[Prepared]:
        sizes = (recipe.model.text.length, recipe.model.image_features)
        return [
            prepare(r, recipe.window, tokenizer, *sizes, mixed=mixed, weight=weight) for r, mixed in pairs
        ]

    unlabelled = simulated(data, data.profile, data.unlabelled, UNLABELLED + seed)
    train, held_out = ([(r, changes(r)) for r in part] for part in warped)
    return Corpus(
        labelled=made(simulated(data, data.profile, data.recordings, seed)),
        easier=made(simulated(data, data.easier, data.recordings // 2, EASIER + seed)) if data.easier else [],
        pseudo=made(pseudo_labelled(unlabelled, data.labeller, recipe.seed), recipe.finetune.pseudo_weight),
        held_out=made(simulated(data, data.profile, data.held_out, HELD_OUT + seed)),
        warped=made(train),
        warped_held_out=made(held_out),
    )


def changes(recording: Recording) -> bool:
    """Whether the evidence of the two halves points different ways or one half says nothing of the whole."""
    middle, end = recording.ticks // 2, recording.ticks
    first, second = recording.evidence(0, middle), recording.evidence(middle, end)
    return first * second < 0


def branches_of(corpus: Corpus) -> list[str]:
    """Branches that some training recording feeds."""
    pool = [*corpus.labelled, *corpus.warped]
    image = any(bool(s.feature_mask.any()) for s in pool)
    text = any(bool(s.ids_mask.any()) for s in pool)
    return ["keypoints", *(["image"] if image else []), *(["text"] if text else [])]


def resume(folder: Path) -> Checkpoint:
    """The checkpoint in ``folder``, or the newest stage below it."""
    for name in (FINETUNED, PRETRAINED):
        if (folder / name).is_dir():
            return load(folder / name)
    return load(folder)


def read_log(path: Path) -> list[dict[str, object]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in path.read_text().splitlines()]
