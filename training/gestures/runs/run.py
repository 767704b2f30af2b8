"""A run: rounds, predictions of every branch and of their vote, and a record of what was decided on the
way."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec

from stream.errors import UsageError
from stream.files import replace_with
from training.config import parse_as, to_toml
from training.gestures.evaluation import predictions as stored
from training.gestures.evaluation.metrics import frequency, intervals
from training.gestures.evaluation.predictions import ClipPredictions
from training.gestures.learning.pseudo_labels import Quality
from training.gestures.recipe import BranchName, GestureRecipe
from training.gestures.runs.materials import Materials
from training.gestures.runs.rounds import Round, Setting, alone, first, fused, second
from training.learning.log import Log

RECIPE, ABOUT, LOG, PREDICTIONS = "recipe.toml", "about.json", "log.jsonl", "predictions"
NOTICE = "Trained on made-up people: no real-world meaning."


class Voting(msgspec.Struct, frozen=True, kw_only=True):
    """How the branches of a round vote, and where they are."""

    temperatures: dict[str, float]
    weights: dict[str, float]
    folders: dict[str, str]  # inside the run


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is of; written last."""

    recipe: str
    setting: str
    simulated: bool
    materials: str  # mark of what it learnt from
    counts: list[int]  # labelled training clips of each class
    rounds: list[Voting]
    pool: list[Quality]  # what each branch was given, and how right it was where the truth is known
    validation: list[Quality]
    note: str  # why there is no second round, if there is none


def run(
    recipe: GestureRecipe,
    materials: Materials,
    out: Path,
    setting: Setting = "inductive",
    say: Callable[[str], None] = lambda line: None,
) -> About:
    """Both rounds into ``out``; what is done already is not done again.

    UsageError where another recipe, corpus or setting began there.
    """
    out.mkdir(parents=True, exist_ok=True)
    _bind(out, recipe, materials, setting)
    log = Log(out / LOG)
    done = first(recipe, materials, out, log)
    said = {f"1-{name}": alone(done, materials, name) for name in recipe.branches} | {
        "1-fused": fused(done, materials)
    }
    after = second(recipe, materials, done, setting, out, log)
    rounds = [done, *([after.round] if after.round else [])]
    if after.round:
        said |= {f"2-{name}": alone(after.round, materials, name) for name in recipe.branches}
        said |= {"2-fused": fused(after.round, materials)}
    for name, one in said.items():
        stored.write(out / PREDICTIONS / f"{name}.safetensors", one)
        say(_line(name, one, materials, recipe))
    if after.note:
        say(after.note)
    about = About(
        recipe=recipe.name,
        setting=setting,
        simulated=materials.simulated,
        materials=materials.mark,
        counts=materials.counts().tolist(),
        rounds=[_voting(r, out) for r in rounds],
        pool=list(after.qualities),
        validation=list(after.validation),
        note=after.note,
    )
    replace_with(out / ABOUT, msgspec.json.format(msgspec.json.encode(about)) + b"\n")
    return about


def _voting(done: Round, out: Path) -> Voting:
    return Voting(
        temperatures={**done.fusion.temperatures},
        weights={**done.fusion.weights},
        folders={name: str(t.folder.relative_to(out)) for name, t in done.trained.items()},
    )


def _bind(out: Path, recipe: GestureRecipe, materials: Materials, setting: Setting) -> None:
    path = out / RECIPE
    words = json.dumps({"setting": setting, "materials": materials.mark})
    text = f"# {words}\n{to_toml(recipe)}"
    if path.exists() and path.read_text() != text:
        raise UsageError(
            f"{out}: expected the recipe, corpus and setting that this run began with, found others; choose "
            "another --out, or remove the directory to begin again."
        )
    replace_with(path, text)


def _line(name: str, said: ClipPredictions, materials: Materials, recipe: GestureRecipe) -> str:
    known = said.known()
    if not len(known.ids):
        return f"{name}: {len(said.ids)} clips, none of a known class"
    groups = frequency(materials.counts(), recipe.reporting.head, recipe.reporting.tail)
    found = intervals([known], groups, resamples=200)
    shown = "  ".join(f"{key} {100 * found[key].value:.1f}" for key in ("top1", "top5", "macro_f1"))
    return f"{name}: {shown}  ({len(known.ids)} clips)"


def recipe_of(out: Path) -> GestureRecipe:
    """The recipe of a run. UsageError where there is none."""
    try:
        text = (out / RECIPE).read_text()
    except OSError as error:
        raise UsageError(
            f"{out}: expected a run of gesture branches, found none; give the --out of `gestures train`."
        ) from error
    return parse_as(text, GestureRecipe, str(out / RECIPE))


def about_of(out: Path) -> About:
    """What a finished run is of. UsageError for one that is not finished."""
    try:
        return msgspec.json.decode((out / ABOUT).read_bytes(), type=About)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{out}: expected a finished run of gesture branches, found none ({error}); run `gestures train` "
            "again, it continues."
        ) from error


def said_by(out: Path, about: About) -> dict[str, ClipPredictions]:
    """The predictions of every row of a run, in order: ``1-coordinates`` … ``1-fused``, ``2-…``."""
    names: list[str] = []
    for i, voting in enumerate(about.rounds, 1):
        branches: list[BranchName] | list[str] = list(voting.weights)
        names += [f"{i}-{name}" for name in (*branches, "fused")]
    return {name: stored.read(out / PREDICTIONS / f"{name}.safetensors") for name in names}
