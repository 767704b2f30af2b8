"""A whole run: corpus, stage 1, stage 2, calibration; each stage leaves a checkpoint."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import torch
from tokenizers import Tokenizer

from training.behaviour import PROFILES
from training.calibrate import calibrate
from training.checkpoint import Checkpoint, build, load, save
from training.config import Recipe
from training.corpus.recording import Recording
from training.dataset import (
    EASIER,
    HELD_OUT,
    TEXTS,
    UNLABELLED,
    Corpus,
    Prepared,
    described,
    prepare,
    pseudo_labelled,
    sample_texts,
    simulated,
    text_only,
)
from training.films import Encode, load_folder
from training.loop import Log
from training.model.text import train_tokenizer
from training.portraits import performance_of, with_portraits
from training.stages import finetune, pretrain

PRETRAINED, FINETUNED = "stage1", "stage2"
LOG = "log.jsonl"
ENCODER = "image_encoder"
HELD_EVERY = 5  # every fifth film is held out


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What a run learns from beside the simulator."""

    films: Sequence[Recording] = ()  # warped people through the real keypoint chain
    encode: Encode | None = None  # portraits → image features


def sources(recipe: Recipe, out: Path, films: Path | None, encoder: Path | None) -> Sources:
    """Films and portrait encoder of a run. A recipe with portraits trains an encoder of its own in ``out``
    unless one is given."""
    from training import image_encoder

    if encoder is None and recipe.data.portraits:
        encoder = out / ENCODER
        if not (encoder / "model.safetensors").exists():
            course = image_encoder.Course(samples=recipe.data.encoder_samples, threads=recipe.threads)
            image_encoder.train(encoder, course)
    encode: Encode | None = None
    if encoder is not None:
        model = image_encoder.load(encoder)
        encode = partial(image_encoder.encode, model)
    return Sources(load_folder(films, encode) if films else (), encode)


def run(recipe: Recipe, out: Path, sources: Sources | None = None) -> Checkpoint:
    """Both stages and the calibration; checkpoints and the log go to ``out``.

    ``sources``: what is there beside the simulator; may be left out.
    """
    first, corpus = run_pretrain(recipe, out, sources)
    return run_finetune(first, corpus, out)


def run_pretrain(recipe: Recipe, out: Path, sources: Sources | None = None) -> tuple[Checkpoint, Corpus]:
    """Stage 1."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    log = Log(out / LOG)
    tokenizer = train_tokenizer(sample_texts(recipe), recipe.model.text.vocabulary)
    corpus = build_corpus(recipe, tokenizer, sources)
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
    branches = first.about["branches"]
    finetune(model, corpus, branches, recipe, log)
    # Live pictures come through the keypoint chain: where there are films, they weigh as much as the rest.
    films = corpus.warped_held_out
    held_out = [*corpus.held_out, *films * (len(corpus.held_out) // len(films) if films else 0)]
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


def build_corpus(recipe: Recipe, tokenizer: Tokenizer, sources: Sources | None = None) -> Corpus:
    """Simulate and prepare everything that a recipe asks for."""
    data, seed, sources = recipe.data, 10_000 * recipe.seed, sources or Sources()

    def made(pairs: Iterable[tuple[Recording, bool]], weight: float = 1.0) -> list[Prepared]:
        sizes = (recipe.model.text.length, recipe.model.image_features)
        return [
            prepare(r, recipe.window, tokenizer, *sizes, mixed=mixed, weight=weight) for r, mixed in pairs
        ]

    def told(profile: str) -> list[Prepared]:
        recordings = described(data, profile, TEXTS + seed) if profile else ()
        return [text_only(r, recipe.window, tokenizer, recipe.model.text.length) for r in recordings]

    unlabelled = simulated(data, data.profile, data.unlabelled, UNLABELLED + seed)
    films = [(film, behaviour_changes(film)) for film in sources.films]
    people = simulated(data, data.profile, data.recordings, seed)
    unseen = simulated(data, data.profile, data.held_out, HELD_OUT + seed)
    if sources.encode:
        # The held-out ones too: a combination of branches that nobody shows could not be calibrated.
        people = _with_faces(people, recipe, seed, sources.encode)
        unseen = _with_faces(unseen, recipe, HELD_OUT + seed, sources.encode)
    return Corpus(
        labelled=made(people),
        texts=told(data.profile),
        easier_texts=told(data.easier),
        easier=made(simulated(data, data.easier, data.recordings // 2, EASIER + seed)) if data.easier else [],
        pseudo=made(pseudo_labelled(unlabelled, data.labeller, recipe.seed), recipe.finetune.pseudo_weight),
        held_out=made(unseen),
        warped=made(f for i, f in enumerate(films) if i % HELD_EVERY != HELD_EVERY - 1),
        warped_held_out=made(films[HELD_EVERY - 1 :: HELD_EVERY]),
    )


def _with_faces(
    people: Iterable[tuple[Recording, bool]], recipe: Recipe, seed: int, encode: Encode
) -> Iterable[tuple[Recording, bool]]:
    """Image features for the first ``data.portraits`` recordings that keep to one behaviour."""
    left, data = recipe.data.portraits, recipe.data
    for i, (recording, mixed) in enumerate(people):
        if left and not mixed:
            left -= 1
            acted = performance_of(PROFILES[data.profile], recording, data.seconds, seed + i)
            recording = with_portraits(recording, acted, recipe.window, seed + i, encode)
        yield recording, mixed


def behaviour_changes(film: Recording) -> bool:
    """Whether a film shows more than one behaviour, by its own account of its parts."""
    parts = re.search(r"parts (\S+),", film.provenance)
    return parts is not None and "," in parts[1]


def prepare_simulated(checkpoint: Checkpoint, count: int, seed: int) -> list[Prepared]:
    """A few simulated recordings prepared for a checkpoint's network."""
    recipe = checkpoint.recipe
    sizes = (recipe.model.text.length, recipe.model.image_features)
    pairs = simulated(recipe.data, recipe.data.profile, count, seed)
    return [prepare(r, recipe.window, checkpoint.tokenizer, *sizes, mixed=mixed) for r, mixed in pairs]


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
