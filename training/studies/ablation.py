"""The paper's three ablation tables, on any corpus, over several seeds.

``spatial``: encoders of one tick, with and without offsets. ``training``: direct joint training, pre-training
by modality, the contrastive loss, weak supervision. ``image``: features and Transformer against X-CLIP.
Hidden-emotion paper, tables 1 to 3; it does not state all settings, ours are in the recipe.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from stream.errors import UsageError
from stream.skeleton import GROUPS
from training.config import Recipe
from training.data.materials import Setting
from training.evaluation import plots, tables
from training.evaluation.intervals import Interval, mcnemar, over_seeds_and_subjects, shown
from training.evaluation.metrics import METRICS
from training.evaluation.predictions import Prediction, columns
from training.evaluation.voting import vote
from training.model.spatial import build_spatial
from training.studies.cells import Ground, run_cell
from training.studies.xclip import run_xclip

METRIC = "balanced_accuracy"
CONTRASTIVE = 0.05  # "small weight"
# A graph's nodes share their weights and need larger steps: at the MLP's rate GCN stays at chance, and at
# GCN's rate the MLP gets worse. Chosen on the calibration people of one seed of profile `plain`.
GRAPH_RATE = 3.0


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of a table."""

    name: str
    change: Callable[[Recipe], Recipe]
    against: str = ""  # variant that it is compared with
    after: str = ""  # variant whose stage 1 it reuses
    weak: bool = False  # pseudo-labelled videos join stage 2
    xclip: bool = False


def _model(**values: Any) -> Callable[[Recipe], Recipe]:
    return lambda r: structs.replace(r, model=structs.replace(r.model, **values))


def _encoder(kind: str, rate: float, *, offsets: bool) -> Callable[[Recipe], Recipe]:
    encoder = _model(spatial=kind, whiten=False, offsets=offsets)

    def change(recipe: Recipe) -> Recipe:
        stage = recipe.pretrain
        return structs.replace(encoder(recipe), pretrain=structs.replace(stage, rate=rate * stage.rate))

    return change


def _same(recipe: Recipe) -> Recipe:
    return recipe


def _image_alone(recipe: Recipe) -> Recipe:
    """The image branch only, to compare with X-CLIP, which also reads nothing but images."""
    return structs.replace(recipe, data=structs.replace(recipe.data, branches=("image",)))


def _joint(recipe: Recipe) -> Recipe:
    """No stage 1; stage 2 gets its steps and its learning rate."""
    none = structs.replace(recipe.pretrain, steps=0)
    steps = recipe.pretrain.steps + recipe.finetune.steps
    finetune = structs.replace(recipe.finetune, steps=steps, rate=recipe.pretrain.rate)
    empty = structs.replace(recipe.moments, steps=0)
    described = structs.replace(recipe.describe, steps=0)
    return structs.replace(recipe, pretrain=none, describe=described, moments=empty, finetune=finetune)


def _contrastive(recipe: Recipe) -> Recipe:
    return structs.replace(recipe, pretrain=structs.replace(recipe.pretrain, contrastive=CONTRASTIVE))


def _spatial() -> Iterator[Variant]:
    """Variants that differ in the encoder and its rate only; whitening, which only the MLP supports, comes
    last."""
    for kind in ("gcn", "gin", "gat", "mlp"):
        name, rate = kind.upper(), 1.0 if kind == "mlp" else GRAPH_RATE
        yield Variant(name, _encoder(kind, rate, offsets=False))
        yield Variant(f"{name}, offsets", _encoder(kind, rate, offsets=True), against=name)
    yield Variant("MLP, offsets, whitened", _model(spatial="mlp", whiten=True), against="MLP, offsets")


JOINT, PRETRAINED = "direct joint training", "pre-trained by modality"
FEATURES = "features + Transformer"
TABLES: dict[str, tuple[Variant, ...]] = {
    "spatial": tuple(_spatial()),
    "image": (
        Variant(FEATURES, _image_alone),
        Variant("X-CLIP-Base, 16 frames", _same, against=FEATURES, xclip=True),
    ),
    "training": (
        Variant(JOINT, _joint),
        Variant(PRETRAINED, _same, against=JOINT),
        Variant("pre-trained, contrastive", _contrastive, against=PRETRAINED),
        Variant("pre-trained, weak supervision", _same, against=PRETRAINED, after=PRETRAINED, weak=True),
    ),
}


def ablate(
    name: str,
    recipe: Recipe,
    ground: Ground,
    seeds: Sequence[int],
    out: Path,
    settings: Sequence[Setting] = ("inductive",),
    log: Callable[[str], None] = lambda line: None,
) -> tables.Table:
    """Run every unfinished cell of table ``name`` and write NAME.md, .csv and .png into ``out``.

    Inductive cells never use the labels of the hidden subjects, with or without weak supervision, so that the
    rows of one column differ in the pseudo-labels only.
    Raises UsageError for an unknown table, and for weak supervision of real people without a labeller.
    """
    variants = TABLES.get(name)
    if variants is None:
        raise UsageError(f"{name}: expected a table ({', '.join(TABLES)}), found another; choose one.")
    labelled = ground.labels.wins if ground.labels else ground.store.index.simulated
    if any(v.weak for v in variants) and not labelled:
        raise UsageError(
            f"{name}: expected a labeller's confidences for weak supervision of real people, found none; "
            "give them with --labels."
        )
    results: dict[Setting, dict[str, list[list[Prediction]]]] = {}
    for setting in settings:
        results[setting] = {v.name: [] for v in variants}
        for seed in seeds:
            for variant in variants:
                predictions = _cell(variant, structs.replace(recipe, seed=seed), ground, setting, out / name)
                results[setting][variant.name].append(predictions)
                value = METRICS[METRIC](*columns(predictions)[:2])
                log(f"{setting}, seed {seed}, {variant.name}: {METRIC.replace('_', ' ')} {value:.3f}")
    return _report(name, variants, results, ground, recipe, out)


def _cell(variant: Variant, recipe: Recipe, ground: Ground, setting: Setting, out: Path) -> list[Prediction]:
    folder = out / setting / f"seed-{recipe.seed}"
    changed = variant.change(recipe)
    if not variant.weak:
        changed = structs.replace(changed, weak=structs.replace(changed.weak, labels="none"))
    if variant.xclip:
        return run_xclip(changed, ground, setting, folder / _slug(variant.name))
    after = folder / _slug(variant.after) if variant.after else None
    return run_cell(changed, ground, setting, folder / _slug(variant.name), after=after)


def _report(
    name: str,
    variants: Sequence[Variant],
    results: Mapping[Setting, Mapping[str, list[list[Prediction]]]],
    ground: Ground,
    recipe: Recipe,
    out: Path,
) -> tables.Table:
    first = next(iter(results.values()))
    rows = [_row(v, results) for v in variants]
    if name == "spatial":
        sized = (_sized(r.note, v, recipe) for r, v in zip(rows, variants, strict=True))
        rows = [structs.replace(r, note=note) for r, note in zip(rows, sized, strict=True)]
    split = ground.store.index.splits[recipe.splitting.split]
    table = tables.table(
        f"{name}: {ground.store.index.name}, {len(first[variants[0].name])} seeds",
        rows,
        first[variants[0].name][0],
        subject_disjoint=split.subject_disjoint,
        simulated=ground.store.index.simulated,
    )
    tables.write(out, name, table)
    drawn: dict[str, Interval] = {
        r.name: (r.figures if "inductive" in results else r.transductive or {})[METRIC] for r in rows
    }
    plots.forest(out / f"{name}.png", drawn, "balanced accuracy", reference=0.5, title=_heading(table))
    return table


def _sized(note: str, variant: Variant, recipe: Recipe) -> str:
    """The note with the number of parameters of the encoders of one tick, of all groups together."""
    model = variant.change(recipe).model
    encoders = [build_spatial(model, group, recipe.window.values) for group in GROUPS]
    count = sum(p.numel() for encoder in encoders for p in encoder.parameters())
    return "; ".join(filter(None, (f"{count:,} parameters", note)))


def _heading(table: tables.Table) -> str:
    return f"{table.title} (simulated)" if table.simulated else table.title


def _row(variant: Variant, results: Mapping[Setting, Mapping[str, list[list[Prediction]]]]) -> tables.Row:
    """Each setting in its own column, even if there is only one."""
    first, *others = results.values()
    notes = {setting: note for setting, said in results.items() if (note := _note(variant, said))}
    note = "; ".join(f"{setting}: {note}" if others else note for setting, note in notes.items())
    if "inductive" in results:
        return tables.row(
            variant.name, first[variant.name], others[0][variant.name] if others else None, note=note
        )
    return tables.transductive_row(variant.name, first[variant.name], note=note)


def _note(variant: Variant, results: Mapping[str, list[list[Prediction]]]) -> str:
    """The difference from the variant that it is compared with, paired by seed and person; McNemar's test
    compares the votes over the seeds of each."""
    if not variant.against:
        return ""
    own, other = results[variant.name], results[variant.against]
    gap = over_seeds_and_subjects(own, METRICS[METRIC], against=other)
    test = mcnemar(*(vote(p for run in runs for p in run) for runs in (own, other)))
    gain = f"{shown(gap, '+.1f', 100)} points against {variant.against}"
    return f"{gain}; McNemar of the seeds' votes p = {test.p:.2g}"


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
