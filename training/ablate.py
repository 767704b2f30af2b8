"""The paper's three tables, on any corpus, over several seeds: what each part of the method is worth.

``spatial``: encoders of one tick, with and without offsets. ``training``: direct joint training, pre-training
by modality, the contrastive loss, weak supervision. ``image``: features and Transformer against X-CLIP.
Hidden-emotion paper, tables 1 to 3; the exact settings there are not stated, ours are in the recipe.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from stream.errors import UsageError
from training.cells import Ground, run_cell
from training.config import Recipe
from training.evaluation import plots, tables
from training.evaluation.intervals import Interval, over_seeds_and_subjects
from training.evaluation.metrics import METRICS
from training.evaluation.predictions import Prediction
from training.materials import Setting
from training.xclip_run import run_xclip

METRIC = "balanced_accuracy"
CONTRASTIVE = 0.05  # "small weight"


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of a table."""

    name: str
    change: Callable[[Recipe], Recipe]
    after: str = ""  # variant whose stage 1 it takes over
    weak: bool = False  # pseudo-labelled videos join stage 2
    xclip: bool = False


def _model(**values: Any) -> Callable[[Recipe], Recipe]:
    return lambda r: structs.replace(r, model=structs.replace(r.model, **values))


def _same(recipe: Recipe) -> Recipe:
    return recipe


def _joint(recipe: Recipe) -> Recipe:
    """No stage 1; stage 2 takes its steps and its learning rate."""
    none = structs.replace(recipe.pretrain, steps=0)
    steps = recipe.pretrain.steps + recipe.finetune.steps
    finetune = structs.replace(recipe.finetune, steps=steps, rate=recipe.pretrain.rate)
    empty = structs.replace(recipe.moments, steps=0)
    described = structs.replace(recipe.describe, steps=0)
    return structs.replace(recipe, pretrain=none, describe=described, moments=empty, finetune=finetune)


def _contrastive(recipe: Recipe) -> Recipe:
    return structs.replace(recipe, pretrain=structs.replace(recipe.pretrain, contrastive=CONTRASTIVE))


TABLES: dict[str, tuple[Variant, ...]] = {
    "spatial": tuple(
        Variant(f"{kind.upper()}{', offsets' if offsets else ''}", _model(spatial=kind, offsets=offsets))
        for kind in ("gcn", "gin", "gat", "mlp")
        for offsets in (False, True)
    ),
    "image": (Variant("features + Transformer", _same), Variant("X-CLIP-Base, 16 frames", _same, xclip=True)),
    "training": (
        Variant("direct joint training", _joint),
        Variant("pre-trained by modality", _same),
        Variant("pre-trained, contrastive", _contrastive),
        Variant("pre-trained, weak supervision", _same, after="pre-trained by modality", weak=True),
    ),
}


def ablate(
    name: str,
    recipe: Recipe,
    ground: Ground,
    seeds: Sequence[int],
    out: Path,
    settings: Sequence[Setting] = ("inductive",),
    say: Callable[[str], None] = lambda line: None,
) -> tables.Table:
    """Run every cell of table ``name`` that is not done yet and write NAME.md, .csv and .png into ``out``.

    The settings' cells differ in the labels they may use, weak supervision or not: inductive ones do without
    those of the hidden subjects, so that rows of one column are alike but for the pseudo-labels.
    UsageError for an unknown table.
    """
    variants = TABLES.get(name)
    if variants is None:
        raise UsageError(f"{name}: expected a table ({', '.join(TABLES)}), found another; choose one.")
    found: dict[Setting, dict[str, list[list[Prediction]]]] = {}
    for setting in settings:
        found[setting] = {v.name: [] for v in variants}
        for seed in seeds:
            for variant in variants:
                said = _cell(
                    variant, variants, structs.replace(recipe, seed=seed), ground, setting, out / name
                )
                found[setting][variant.name].append(said)
                right = METRICS[METRIC](*_arrays(said))
                say(f"{setting}, seed {seed}, {variant.name}: {METRIC.replace('_', ' ')} {right:.3f}")
    return _report(name, variants, found, ground, recipe, out)


def _cell(
    variant: Variant,
    variants: Sequence[Variant],
    recipe: Recipe,
    ground: Ground,
    setting: Setting,
    out: Path,
) -> list[Prediction]:
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
    found: Mapping[Setting, Mapping[str, list[list[Prediction]]]],
    ground: Ground,
    recipe: Recipe,
    out: Path,
) -> tables.Table:
    first, *others = found.values()
    rows = [
        tables.row(
            v.name, first[v.name], others[0][v.name] if others else None, note=_note(v, variants, first)
        )
        for v in variants
    ]
    split = ground.store.index.splits[recipe.splitting.split]
    table = tables.table(
        f"{name}: {ground.store.index.name}, {len(next(iter(first.values())))} seeds",
        rows,
        next(iter(first.values()))[0],
        subject_disjoint=split.subject_disjoint,
        simulated=ground.store.index.simulated,
    )
    tables.write(out, name, table)
    shown: dict[str, Interval] = {r.name: r.figures[METRIC] for r in rows}
    plots.forest(out / f"{name}.png", shown, "balanced accuracy", reference=0.5, title=table.title)
    return table


def _note(variant: Variant, variants: Sequence[Variant], found: Mapping[str, list[list[Prediction]]]) -> str:
    """The difference to the line that it is to be compared with, in points, paired by seed and person."""
    base = reference(variant, variants)
    if base is None:
        return ""
    metric = METRICS[METRIC]
    gap = over_seeds_and_subjects(found[variant.name], metric, against=found[base.name])
    points = " ".join(f"{100 * x:+.1f}" for x in (gap.value, gap.low, gap.high))
    value, low, high = points.split()
    return f"{value} [{low}, {high}] points against {base.name}"


def reference(variant: Variant, variants: Sequence[Variant]) -> Variant | None:
    """The same without offsets; else the stage that it builds on; else the line above."""
    names = {v.name: v for v in variants}
    if variant.name.endswith(", offsets"):
        return names[variant.name.removesuffix(", offsets")]
    if variant.after:
        return names[variant.after]
    at = variants.index(variant)
    return variants[at - 1] if at and not any(v.name.endswith(", offsets") for v in variants) else None


def _arrays(said: Sequence[Prediction]) -> tuple[Any, Any]:
    from training.evaluation.predictions import columns

    found = columns(said)
    return found.win, found.label


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
