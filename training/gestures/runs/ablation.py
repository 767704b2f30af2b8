"""What each component is worth: every part switched off in turn, alternatives in its place, over several
seeds.

A row is a change of the recipe. Branches are kept by what they depend on, so rows that share a branch train
it once; a study that was stopped goes on. Each row is compared, clip by clip and person by person, with the
full method.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from msgspec import structs

from stream.errors import UsageError
from training.gestures.evaluation import predictions as stored
from training.gestures.evaluation import tables
from training.gestures.evaluation.metrics import Frequency, frequency, intervals
from training.gestures.evaluation.predictions import ClipPredictions
from training.gestures.recipe import PICTURE, BranchName, GestureRecipe
from training.gestures.runs.materials import Materials
from training.gestures.runs.rounds import Setting, first, fused, second
from training.learning.log import Log

Change = Callable[[GestureRecipe], GestureRecipe]
FULL = "all branches"
CMPL = "+ pseudo-labels of the other branches"


@dataclass(frozen=True, slots=True)
class Variant:
    """One row."""

    name: str
    change: Change
    against: str = FULL
    pseudo: bool = False  # the second round's vote


def _same(recipe: GestureRecipe) -> GestureRecipe:
    return recipe


def _only(name: BranchName) -> Change:
    return lambda r: structs.replace(r, branches=(name,))


def _without(name: BranchName) -> Change:
    return lambda r: structs.replace(r, branches=tuple(b for b in r.branches if b != name))


def _objective(**values: str | float) -> Change:
    return lambda r: structs.replace(r, objective=structs.replace(r.objective, **values))


def _fusing(**values: str | bool) -> Change:
    return lambda r: structs.replace(r, fusing=structs.replace(r.fusing, **values))


def _pseudo(**values: str | float) -> Change:
    return lambda r: structs.replace(r, pseudo=structs.replace(r.pseudo, **values))


def _points(name: str) -> Change:
    """Another set; merged channels are those of the set of 36 alone, so others have one map a point."""

    def change(recipe: GestureRecipe) -> GestureRecipe:
        maps = {n: structs.replace(getattr(recipe, n), merged=False) for n in ("joints", "limbs")}
        return structs.replace(recipe, points=name, **maps)

    return change


def _view(view: str) -> Change:
    """Both picture branches look the same way."""
    return lambda r: structs.replace(r, **{n: structs.replace(getattr(r, n), view=view) for n in PICTURE})


def branch_rows(recipe: GestureRecipe) -> list[Variant]:
    """Each branch alone, and the vote without it."""
    alone = [Variant(name, _only(name)) for name in recipe.branches]
    return [*alone, *(Variant(f"− {name}", _without(name)) for name in recipe.branches)]


def loss_rows(recipe: GestureRecipe) -> list[Variant]:
    """Class weights and the embedding loss off, and alternatives; label vectors only where a file is
    named."""
    rows = [
        Variant("− class weights", _objective(balance="none")),
        Variant("inverse frequency", _objective(balance="inverse")),
        Variant("effective number", _objective(balance="effective")),
        Variant("− embedding loss", _objective(embedding="none")),
        Variant("simplex anchors", _objective(embedding="simplex")),
    ]
    if recipe.objective.vectors:
        rows.append(Variant("label vectors, squared distance", _objective(embedding="vectors")))
    return rows


def fusion_rows(recipe: GestureRecipe) -> list[Variant]:
    """Weights fitted on validation subjects or equal, with and without temperature."""
    return [
        Variant("equal weights", _fusing(weights="equal")),
        Variant("fitted weights", _fusing(weights="fitted")),
        Variant("equal weights, − temperature", _fusing(weights="equal", temperature=False)),
        Variant("fitted weights, − temperature", _fusing(weights="fitted", temperature=False)),
    ]


def input_rows(recipe: GestureRecipe) -> list[Variant]:
    """Point sets and crops."""
    rows = [Variant(f"{name} points", _points(name)) for name in ("22", "36", "68")]
    if any(name in PICTURE for name in recipe.branches):
        rows += [
            Variant("saliency crops alone", _view("saliency")),
            Variant("portraits alone", _view("portrait")),
        ]
    return rows


def pseudo_rows(recipe: GestureRecipe) -> list[Variant]:
    """Pseudo-labels of the others, of itself, and of worse quality."""
    noise = [
        Variant(f"{CMPL}, {share:.0%} replaced", _pseudo(corrupt=share, stop=0.0), against=CMPL, pseudo=True)
        for share in (0.2, 0.4)
    ]
    return [
        Variant(CMPL, _pseudo(stop=0.0), pseudo=True),
        Variant("+ pseudo-labels of itself", _pseudo(teachers="self", stop=0.0), against=CMPL, pseudo=True),
        *noise,
    ]


TABLES: dict[str, Callable[[GestureRecipe], list[Variant]]] = {
    "branches": branch_rows,
    "losses": loss_rows,
    "fusion": fusion_rows,
    "inputs": input_rows,
    "pseudo": pseudo_rows,
}


def variants_of(name: str, recipe: GestureRecipe) -> list[Variant]:
    """The rows of a table, the full method first. UsageError for an unknown table."""
    if name not in TABLES:
        raise UsageError(f"{name}: expected a table ({', '.join(TABLES)}), found another; choose one.")
    return [Variant(FULL, _same, against=""), *TABLES[name](recipe)]


def ablate(
    name: str,
    recipe: GestureRecipe,
    materials: Callable[[GestureRecipe], Materials],
    seeds: Sequence[int],
    out: Path,
    settings: Sequence[Setting] = ("inductive",),
    say: Callable[[str], None] = lambda line: None,
) -> tables.Table:
    """Run what is not done of table ``name`` and write NAME.md and NAME.csv into ``out``.

    ``materials``: gives the corpus for a recipe of one seed. UsageError for an unknown table.
    """
    variants = variants_of(name, recipe)
    found: dict[Setting, dict[str, list[ClipPredictions]]] = {
        setting: {v.name: [] for v in variants} for setting in settings
    }
    grounds: list[Materials] = []
    for seed in seeds:
        seeded = structs.replace(recipe, seed=seed)
        ground = materials(seeded)
        grounds.append(ground)
        for setting in settings:
            for variant in variants:
                said = _cell(variant, seeded, ground, setting, out, name)
                found[setting][variant.name].append(said)
                say(f"{setting}, seed {seed}, {variant.name}: {_top1(said):.1%} top-1")
    return _report(name, variants, found, grounds, recipe, out)


def _cell(
    variant: Variant, recipe: GestureRecipe, ground: Materials, setting: Setting, out: Path, table: str
) -> ClipPredictions:
    """One row's vote for one seed; read where it is there and of the same recipe and people."""
    changed = variant.change(recipe)
    folder = (
        out / table / (setting if variant.pseudo else "shared") / f"seed-{recipe.seed}" / slug(variant.name)
    )
    path, note = folder / "predictions.safetensors", folder / "cell.json"
    words = msgspec.json.encode({"recipe": msgspec.to_builtins(changed), "materials": ground.mark})
    if path.is_file() and note.is_file():
        if note.read_bytes() != words:
            raise UsageError(
                f"{folder}: expected results of this recipe and corpus, found those of others; choose "
                "another "
                "--out, or remove the directory to begin again."
            )
        return stored.read(path)
    folder.mkdir(parents=True, exist_ok=True)
    log = Log(folder / "log.jsonl")
    done = first(changed, ground, out, log)
    if variant.pseudo:
        after = second(changed, ground, done, setting, out, log)
        note_of_pool = [msgspec.to_builtins(q) for q in after.qualities]
        (folder / "pool.json").write_bytes(msgspec.json.encode(note_of_pool))
        done = after.round or done
    said = fused(done, ground)
    stored.write(path, said)
    note.write_bytes(words)
    return said


def _report(
    name: str,
    variants: Sequence[Variant],
    found: dict[Setting, dict[str, list[ClipPredictions]]],
    grounds: Sequence[Materials],
    recipe: GestureRecipe,
    out: Path,
) -> tables.Table:
    counts = np.mean([g.counts() for g in grounds], axis=0).astype(np.int64)
    groups = frequency(counts, recipe.reporting.head, recipe.reporting.tail)
    main, *others = found
    resamples = recipe.reporting.resamples
    rows = []
    for v in variants:
        said = found[main][v.name]
        figures = intervals(said, groups, resamples=resamples)
        beside = intervals(found[others[0]][v.name], groups, resamples=resamples) if others else None
        note = _note(v, found[main], groups, resamples)
        if main == "transductive":
            empty = {key: type(value)() for key, value in figures.items()}
            figures, beside = empty, figures
        rows.append(tables.Row(name=v.name, figures=figures, transductive=beside, note=note))
    test = found[main][FULL][0]
    title = f"{name}: {recipe.name}, {len(grounds)} {'seed' if len(grounds) == 1 else 'seeds'}"
    table = tables.table(title, rows, test, groups, simulated=grounds[0].simulated, resamples=resamples)
    tables.write(out, name, table)
    return table


def _note(v: Variant, found: dict[str, list[ClipPredictions]], groups: Frequency, resamples: int) -> str:
    """The difference to the row that it is compared with, paired by seed and person, whatever its sign."""
    if not v.against:
        return ""
    gap = intervals(found[v.name], groups, against=found[v.against], resamples=resamples)
    return f"macro-F1 {tables.difference(gap)}, top-1 {tables.difference(gap, 'top1')} against {v.against}"


def _top1(said: ClipPredictions) -> float:
    known = said.known()
    return float((known.chances.argmax(1) == known.labels).mean()) if len(known.ids) else float("nan")


def slug(name: str) -> str:
    """A name as a folder: letters, digits and hyphens; a minus sign is ``without``."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower().replace("−", "without ")).split())
