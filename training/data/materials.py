"""The data of a run: pools of people, a tokenizer, and the test people.

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
CACHE = "inputs"  # folder in a corpus for the precomputed inputs of windows


# One field per input of a run; they are passed on together and have no behaviour.
@dataclass(frozen=True, slots=True, eq=False)
class Materials:
    """Everything that a run needs besides its recipe."""

    tokenizer: Tokenizer
    pools: Pools
    test: list[Prepared] = field(default_factory=list)
    extractors: dict[str, Extractor] = field(default_factory=dict)  # of points and features
    skipped: tuple[str, ...] = ()  # ids left out, with the reason
    simulated: bool = True
    subject_disjoint: bool = True  # training and test share no subject
    setting: Setting = "inductive"
    corpus: str = ""  # name of the corpus on disk, if there is one
    people: str = ""  # SHA-256 of its recordings and parts (``people_of``)
    labels: Labels = field(default_factory=Labels)  # a labeller's results, if there are any
    cut: Cut = field(default_factory=Cut)  # truncation of the training texts to BERT's length
    bert: Pretrained | None = None  # initial weights of the text branch


def from_simulator(
    recipe: Recipe, films: Iterable[Recording] = (), encode: Encode | None = None
) -> Materials:
    """Simulate and prepare the data of a recipe.

    ``films``: warped people, tracked by the real front end. ``encode``: portraits → image features.
    """
    data, seed = recipe.data, 10_000 * recipe.seed
    bert, pieces = _bert(recipe), recipe.model.text.vocabulary
    tokenizer = bert.tokenizer if bert else train_tokenizer(sample_texts(recipe), pieces)
    sizes = (recipe.model.text.length, recipe.model.image_features)

    def prepared(recordings: Iterable[Recording]) -> list[Prepared]:
        return [prepare(r, recipe.window, tokenizer, *sizes, branches=data.branches) for r in recordings]

    def texts_of(profile: str) -> list[Prepared]:
        needed = profile and "text" in data.branches
        recordings = described(data, profile, TEXTS + seed) if needed else ()
        return [text_only(r, recipe.window, tokenizer, recipe.model.text.length) for r in recordings]

    people = simulated(data, data.profile, data.recordings, seed)
    unseen = simulated(data, data.profile, data.held_out, HELD_OUT + seed)
    if encode:
        # Also for held-out people: a combination of branches without held-out data cannot be calibrated.
        people = _with_faces(people, recipe, seed, encode)
        unseen = _with_faces(unseen, recipe, HELD_OUT + seed, encode)
    pool = prepared(simulated(data, data.profile, data.unlabelled, UNLABELLED + seed))
    easier = simulated(data, data.easier, data.recordings // 2, EASIER + seed) if data.easier else ()
    film_list = list(films)
    rng = np.random.default_rng([recipe.seed, 64])
    pools = Pools(
        labelled=prepared(people),
        pseudo=pool,
        confidences=simulated_labels(pool, Labeller(data.labeller), rng),
        held_out=prepared(unseen),
        texts=texts_of(data.profile),
        easier=prepared(easier),
        easier_texts=texts_of(data.easier),
        warped=prepared(f for i, f in enumerate(film_list) if i % HELD_EVERY != HELD_EVERY - 1),
        warped_held_out=prepared(film_list[HELD_EVERY - 1 :: HELD_EVERY]),
    )
    texts = (p.recording.text for pool in (pools.labelled, pools.texts) for p in pool)
    cut = _cut((t for t in texts if t), tokenizer, recipe)
    return Materials(tokenizer, pools, cut=cut, bert=bert)


def image_encoder(recipe: Recipe, out: Path, folder: Path | None) -> Encode | None:
    """The portrait encoder in ``folder``; without one, a recipe with portraits trains its own in ``out``.
    None for a recipe that needs none."""
    from training.model import image_encoder as small

    if folder is None and not recipe.data.portraits:
        return None
    if folder is None:
        folder = out / ENCODER
        if not (folder / "model.safetensors").exists():
            options = small.TrainingOptions(
                samples=recipe.data.encoder_samples, threads=recipe.compute.threads
            )
            small.train(folder, options)
    return partial(small.encode, small.load(folder))


def _with_faces(
    people: Iterable[Recording], recipe: Recipe, seed: int, encode: Encode
) -> Iterable[Recording]:
    """Add image features to the first ``data.portraits`` recordings with a single behaviour."""
    left, data = recipe.data.portraits, recipe.data
    for i, recording in enumerate(people):
        if left and not recording.mixed:
            left -= 1
            performance = performance_of(PROFILES[data.profile], recording, data.seconds, seed + i)
            recording = with_portraits(recording, performance, recipe.window, seed + i, encode)
        yield recording


def from_corpus(
    recipe: Recipe,
    store: Store,
    setting: Setting = "inductive",
    labels: Labels | None = None,
    parts: Mapping[str, Collection[str]] | None = None,
) -> Materials:
    """Pools from a corpus, whose training part is divided by subject according to the recipe.

    ``labels``: a labeller's results; its texts replace the corpus' own in every part. A simulated corpus gets
    a simulated labeller if they are omitted. Videos without a true label are used in stage 2 with a
    pseudo-label (``pools.unlabelled``) and never for evaluation. ``parts``: ids of "train" and "test" that
    replace the recipe's split (cross-validation).
    """
    split, given = recipe.splitting, labels or Labels()
    parts = parts or parts_of(store, split.split)
    disjoint = store.index.splits[split.split].subject_disjoint if split.split in store.index.splits else True
    entries, tested, skipped = _usable(store, parts)
    divided = divide(entries, recipe)
    _check_features(entries, recipe)
    _check_known(given, store)
    extra = unlabelled(store.entries, parts, divided, given.wins, transductive=setting == "transductive")
    texts = [t for e in entries if (t := given.described(store.recording(e.id), e.id).text)]
    bert = _bert(recipe) if texts else None
    tokenizer = bert.tokenizer if bert else train_tokenizer(texts, recipe.model.text.vocabulary)
    prepared = partial(_prepared, recipe, store, given, tokenizer)
    test = prepared(e.id for e in tested)
    hidden, labelled = prepared(divided["hidden"]), prepared(divided["train"])
    transductive = setting == "transductive"
    known = all_labelled(simulated=store.index.simulated, transductive=transductive, told=bool(given.wins))
    shown = hidden if known or transductive else []
    pool = [*(test if transductive else () if known else hidden), *prepared(e.id for e in extra)]
    wins = given.wins
    if labels is None and store.index.simulated:
        rng = np.random.default_rng([recipe.seed, 64])
        wins = simulated_labels(pool, Labeller(recipe.data.labeller), rng)
    pools = Pools(
        labelled=[*labelled, *shown],
        pseudo=pool,
        confidences={p.name: wins[p.name] for p in pool if p.name in wins},
        validation=prepared(divided["validation"]),
        held_out=prepared(divided["calibration"]),
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
        given,
        _cut(texts, tokenizer, recipe),
        bert,
    )


def _usable(store: Store, parts: Mapping[str, Collection[str]]) -> tuple[list[Entry], list[Entry], list[str]]:
    """Videos to train on, videos to test on, and ids left out, with the reason.

    Raises UsageError if no video is left to train on.
    """
    skipped: list[str] = []
    entries = [e for e in map(store.entries.__getitem__, parts["train"]) if usable(e, skipped)]
    tested = [e for e in map(store.entries.__getitem__, parts["test"]) if usable(e, skipped)]
    if not entries and skipped:
        raise UsageError(
            f"{store.folder}: expected videos with a label and of a second at least to learn from, found "
            f"none ({listed(skipped, 3)}); import others."
        )
    return entries, tested, skipped


def _prepared(
    recipe: Recipe, store: Store, labels: Labels, tokenizer: Tokenizer, ids: Iterable[str]
) -> list[Prepared]:
    """Recordings of a corpus, prepared for a run; computed inputs are cached in the corpus folder."""
    cache = store.folder / CACHE / "-".join(map(str, recipe.window.offsets))
    sizes = (recipe.model.text.length, recipe.model.image_features)
    return [
        prepare(
            labels.described(store.recording(id), id),
            recipe.window,
            tokenizer,
            *sizes,
            branches=recipe.data.branches,
            name=id,
            # The key includes the content, so that a changed recording is computed again.
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

    A run is bound to it, so that it never tests on people it was trained on.
    """
    entries = [(e.id, e.sha256, e.subject, e.label) for e in store.index.entries]
    chosen = {name: sorted(ids) for name, ids in parts.items()}
    said = [entries, chosen, setting, *(["hidden people under their labels"] if known else [])]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _cut(texts: Iterable[str], tokenizer: Tokenizer, recipe: Recipe) -> Cut:
    return cut_at((len(tokenizer.encode(t).ids) for t in texts), recipe.model.text.length)


def _bert(recipe: Recipe) -> Pretrained | None:
    """The recipe's pretrained BERT, if its text branch is trained."""
    needed = recipe.model.text.source and "text" in recipe.data.branches
    return open_bert(recipe.model.text) if needed else None


def _check_features(entries: Iterable[Entry], recipe: Recipe) -> None:
    """Raises UsageError for image features whose width differs from the recipe's."""
    width, found = recipe.model.image_features, {e.features for e in entries if e.features}
    if "image" in recipe.data.branches and found - {width}:
        raise UsageError(
            f"expected image features of width {width}, found {listed(map(str, sorted(found)))}; set "
            'model.image_features in the recipe, or leave "image" out of data.branches.'
        )


def _check_known(labels: Labels, store: Store) -> None:
    """Raises UsageError for labels of videos that are not in the corpus."""
    if unknown := sorted(labels.ids - store.entries.keys()):
        raise UsageError(
            f"{store.folder}: expected a labeller's answers of its videos, found {len(unknown)} of "
            f"others ({listed(unknown)}); correct the ids or import these videos."
        )


def setting_of(name: str) -> Setting:
    """The setting of that name. Raises UsageError for an unknown one."""
    if name not in get_args(Setting):
        raise UsageError(f"expected --setting {' or '.join(get_args(Setting))}, found {name}; choose one.")
    return name  # type: ignore[return-value]
