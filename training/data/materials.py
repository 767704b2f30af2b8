"""What a run is made from: pools of people, a tokenizer, and the people it is measured on.

Simulated in memory, or from a corpus on disk. Pseudo-labelled videos of stage 2 come, by ``setting``, from
training subjects whose labels are hidden (``inductive``: the test videos are never touched) or are the test
videos themselves (``transductive``, the paper's setting); videos without any label join either. Where
nobody says anything of real people, nothing is hidden.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from tokenizers import Tokenizer

from stream.bundle.manifest import Extractor
from stream.describing.rendering import Cut, cut_at
from stream.errors import UsageError
from training.config import Recipe
from training.corpus.grid import Encode
from training.corpus.index import listed
from training.corpus.recording import Recording
from training.corpus.store import Entry, Store
from training.data.pools import all_labelled, divide, unlabelled, usable
from training.data.prepared import Pools, Prepared, prepare, text_only
from training.data.pseudo_labels import simulated_labels
from training.data.simulated import EASIER, HELD_OUT, TEXTS, UNLABELLED, described, sample_texts, simulated
from training.labelling.labels import Labels
from training.model.pretrained import Pretrained, open_bert
from training.model.text import train_tokenizer
from training.simulator.behaviour import PROFILES
from training.simulator.labeller import Labeller
from training.simulator.portraits import performance_of, with_portraits

Setting = Literal["inductive", "transductive"]
HELD_EVERY = 5  # every fifth film is held out
ENCODER = "image_encoder"
CACHE = "inputs"  # of a corpus: what windows are cut from, computed once


# As many fields as a run is made from; they are handed on together and have no behaviour.
@dataclass(frozen=True, slots=True, eq=False)
class Materials:
    """Everything that a run needs beside its recipe."""

    tokenizer: Tokenizer
    pools: Pools
    test: list[Prepared] = field(default_factory=list)
    extractors: dict[str, Extractor] = field(default_factory=dict)  # what made points and features
    skipped: tuple[str, ...] = ()  # ids left out, and why
    simulated: bool = True
    subject_disjoint: bool = True  # training and test share no subject
    setting: Setting = "inductive"
    corpus: str = ""  # name of the corpus on disk, if it is one
    people: str = ""  # SHA-256 of its recordings and of who is for what (``people_of``)
    labels: Labels = field(default_factory=Labels)  # what a labeller said, if there is one
    cut: Cut = field(default_factory=Cut)  # what the training texts lose to BERT's length
    bert: Pretrained | None = None  # that the text branch begins with


def from_simulator(
    recipe: Recipe, films: Iterable[Recording] = (), encode: Encode | None = None
) -> Materials:
    """Simulate and prepare everything that a recipe asks for.

    ``films``: warped people through the real keypoint chain. ``encode``: portraits → image features.
    """
    data, seed = recipe.data, 10_000 * recipe.seed
    bert, pieces = _bert(recipe), recipe.model.text.vocabulary
    tokenizer = bert.tokenizer if bert else train_tokenizer(sample_texts(recipe), pieces)
    sizes = (recipe.model.text.length, recipe.model.image_features)

    def made(recordings: Iterable[Recording]) -> list[Prepared]:
        return [prepare(r, recipe.window, tokenizer, *sizes, branches=data.branches) for r in recordings]

    def told(profile: str) -> list[Prepared]:
        wanted = profile and "text" in data.branches
        recordings = described(data, profile, TEXTS + seed) if wanted else ()
        return [text_only(r, recipe.window, tokenizer, recipe.model.text.length) for r in recordings]

    people = simulated(data, data.profile, data.recordings, seed)
    unseen = simulated(data, data.profile, data.held_out, HELD_OUT + seed)
    if encode:
        # The held-out ones too: a combination of branches that nobody shows could not be calibrated.
        people = _with_faces(people, recipe, seed, encode)
        unseen = _with_faces(unseen, recipe, HELD_OUT + seed, encode)
    pool = made(simulated(data, data.profile, data.unlabelled, UNLABELLED + seed))
    easier = simulated(data, data.easier, data.recordings // 2, EASIER + seed) if data.easier else ()
    shown = list(films)
    rng = np.random.default_rng([recipe.seed, 64])
    pools = Pools(
        labelled=made(people),
        pseudo=pool,
        confidences=simulated_labels(pool, Labeller(data.labeller), rng),
        held_out=made(unseen),
        texts=told(data.profile),
        easier=made(easier),
        easier_texts=told(data.easier),
        warped=made(f for i, f in enumerate(shown) if i % HELD_EVERY != HELD_EVERY - 1),
        warped_held_out=made(shown[HELD_EVERY - 1 :: HELD_EVERY]),
    )
    told_texts = (p.recording.text for pool in (pools.labelled, pools.texts) for p in pool)
    cut = _cut((t for t in told_texts if t), tokenizer, recipe)
    return Materials(tokenizer, pools, cut=cut, bert=bert)


def image_encoder(recipe: Recipe, out: Path, folder: Path | None) -> Encode | None:
    """The portrait encoder in ``folder``. A recipe with portraits trains one of its own in ``out`` unless
    one is given; None where a recipe needs none."""
    from training.model import image_encoder as small

    if folder is None and not recipe.data.portraits:
        return None
    if folder is None:
        folder = out / ENCODER
        if not (folder / "model.safetensors").exists():
            course = small.TrainingOptions(
                samples=recipe.data.encoder_samples, threads=recipe.compute.threads
            )
            small.train(folder, course)
    return partial(small.encode, small.load(folder))


def _with_faces(
    people: Iterable[Recording], recipe: Recipe, seed: int, encode: Encode
) -> Iterable[Recording]:
    """Image features for the first ``data.portraits`` recordings that keep to one behaviour."""
    left, data = recipe.data.portraits, recipe.data
    for i, recording in enumerate(people):
        if left and not recording.mixed:
            left -= 1
            acted = performance_of(PROFILES[data.profile], recording, data.seconds, seed + i)
            recording = with_portraits(recording, acted, recipe.window, seed + i, encode)
        yield recording


def from_corpus(
    recipe: Recipe,
    store: Store,
    setting: Setting = "inductive",
    labels: Labels | None = None,
    parts: Mapping[str, Collection[str]] | None = None,
) -> Materials:
    """Pools from a corpus, whose training part is divided by subject as the recipe says.

    ``labels``: what a labeller said; its texts stand in place of the corpus' own, in every part. A simulated
    corpus has a simulated labeller when they are left out. Videos without a true label join stage 2 under
    a pseudo-label (``dividing.unlabelled``) and are never measured on. ``parts``: ids of "train" and "test"
    in place of the recipe's split (cross-validation).
    """
    split, said = recipe.splitting, labels or Labels()
    parts = parts or parts_of(store, split.split)
    disjoint = store.index.splits[split.split].subject_disjoint if split.split in store.index.splits else True
    entries, asked, skipped = _usable(store, parts)
    divided = divide(entries, recipe)
    _fitting(entries, recipe)
    _known(said, store)
    extra = unlabelled(store.entries, parts, divided, said.wins, transductive=setting == "transductive")
    texts = [t for e in entries if (t := said.described(store.recording(e.id), e.id).text)]
    bert = _bert(recipe) if texts else None
    tokenizer = bert.tokenizer if bert else train_tokenizer(texts, recipe.model.text.vocabulary)
    made = partial(_prepared, recipe, store, said, tokenizer)
    test, hidden, labelled = made(e.id for e in asked), made(divided["hidden"]), made(divided["train"])
    transductive = setting == "transductive"
    known = all_labelled(simulated=store.index.simulated, transductive=transductive, told=bool(said.wins))
    shown = hidden if known or transductive else []
    pool = [*(test if transductive else () if known else hidden), *made(e.id for e in extra)]
    wins = said.wins
    if labels is None and store.index.simulated:
        rng = np.random.default_rng([recipe.seed, 64])
        wins = simulated_labels(pool, Labeller(recipe.data.labeller), rng)
    pools = Pools(
        labelled=[*labelled, *shown],
        pseudo=pool,
        confidences={p.name: wins[p.name] for p in pool if p.name in wins},
        validation=made(divided["validation"]),
        held_out=made(divided["calibration"]),
    )
    joined = {f"{e.id}: no label" for e in extra}
    return Materials(
        tokenizer,
        pools,
        test,
        store.index.extractors,
        tuple(why for why in skipped if why not in joined),
        store.index.simulated,
        disjoint,
        setting,
        store.index.name,
        people_of(store, parts, setting, known),
        said,
        _cut(texts, tokenizer, recipe),
        bert,
    )


def _usable(store: Store, parts: Mapping[str, Collection[str]]) -> tuple[list[Entry], list[Entry], list[str]]:
    """Videos to learn from, videos to be tested on, and what is left out, with the reason.

    UsageError where nothing is left to learn from.
    """
    skipped: list[str] = []
    entries = [e for e in map(store.entries.__getitem__, parts["train"]) if usable(e, skipped)]
    asked = [e for e in map(store.entries.__getitem__, parts["test"]) if usable(e, skipped)]
    if not entries and skipped:
        raise UsageError(
            f"{store.folder}: expected videos with a label and of a second at least to learn from, found "
            f"none ({listed(skipped, 3)}); import others."
        )
    return entries, asked, skipped


def _prepared(
    recipe: Recipe, store: Store, said: Labels, tokenizer: Tokenizer, ids: Iterable[str]
) -> list[Prepared]:
    """Recordings of a corpus as a run needs them; what is computed is kept beside the corpus."""
    cache = store.folder / CACHE / "-".join(map(str, recipe.window.offsets))
    sizes = (recipe.model.text.length, recipe.model.image_features)
    return [
        prepare(
            said.described(store.recording(id), id),
            recipe.window,
            tokenizer,
            *sizes,
            branches=recipe.data.branches,
            name=id,
            # By content: a recording that was made again is computed again.
            cache=cache / f"{id}-{store.entries[id].sha256[:12]}.safetensors",
        )
        for id in ids
    ]


def parts_of(store: Store, split: str) -> dict[str, Collection[str]]:
    """Ids of "train" and "test" of a split by name. UsageError for an unknown one."""
    if split not in store.index.splits:
        there = listed(store.index.splits)
        what = "give one of these with --set splitting.split=NAME" if there else "import more labelled people"
        raise UsageError(
            f"{store.folder}: expected the split {split} of the recipe, found {there or 'none'}; {what}."
        )
    return {name: store.ids(split, name) for name in ("train", "test")}


def people_of(
    store: Store, parts: Mapping[str, Collection[str]], setting: Setting, known: bool = False
) -> str:
    """SHA-256 of every recording by content, subject and label, of who is in which part, of the setting, and
    of whether the hidden people are ``known`` (``pools.all_labelled``).

    A run is bound to it, or people whom it has learnt from might be tested as strangers.
    """
    entries = [(e.id, e.sha256, e.subject, e.label) for e in store.index.entries]
    chosen = {name: sorted(ids) for name, ids in parts.items()}
    said = [entries, chosen, setting, *(["hidden people under their labels"] if known else [])]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _cut(texts: Iterable[str], tokenizer: Tokenizer, recipe: Recipe) -> Cut:
    return cut_at((len(tokenizer.encode(t).ids) for t in texts), recipe.model.text.length)


def _bert(recipe: Recipe) -> Pretrained | None:
    """The BERT that a recipe brings along, if its text branch is to learn."""
    wanted = recipe.model.text.source and "text" in recipe.data.branches
    return open_bert(recipe.model.text) if wanted else None


def _fitting(entries: Iterable[Entry], recipe: Recipe) -> None:
    """UsageError for image features of another width than the recipe's, which no branch would read."""
    width, found = recipe.model.image_features, {e.features for e in entries if e.features}
    if "image" in recipe.data.branches and found - {width}:
        raise UsageError(
            f"expected image features of width {width}, found {listed(map(str, sorted(found)))}; set "
            'model.image_features in the recipe, or leave "image" out of data.branches.'
        )


def _known(labels: Labels, store: Store) -> None:
    """UsageError for a labeller who speaks of videos that the corpus does not hold."""
    if unknown := sorted(labels.ids - store.entries.keys()):
        raise UsageError(
            f"{store.folder}: expected a labeller's answers of its videos, found {len(unknown)} of "
            f"others ({listed(unknown)}); correct the ids or import these videos."
        )


def setting_of(name: str) -> Setting:
    """The setting of that name. UsageError for another."""
    if name not in get_args(Setting):
        raise UsageError(f"expected --setting {' or '.join(get_args(Setting))}, found {name}; choose one.")
    return name  # type: ignore[return-value]
