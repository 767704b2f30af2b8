"""The commands that measure: each runs, shows an example, and says in one sentence what is wrong."""

import csv
import json
import shutil

import msgspec
import pytest
from typer.testing import CliRunner

from stream.errors import UsageError
from training import config
from training.__main__ import app, main
from training.config import to_toml
from training.corpus.index import INDEX
from training.corpus.protocols import own_split
from training.corpus.store import Store
from training.data.materials import parts_of, people_of
from training.learning import runs
from training.learning.checkpoint import RECIPE
from training.studies import noise_study
from training.studies.noise_study import RESULTS, Cell

pytestmark = pytest.mark.slow

COMMANDS = ("evaluate", "crossval", "ablate", "noise-study", "curves")


def run(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def rows_of(path):
    with path.open(newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


@pytest.fixture
def recipe_file(quick_recipe, tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(to_toml(quick_recipe))
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command):
    assert f"Example: undertone-training {command}" in " ".join(run(command, "--help").split())


@pytest.mark.parametrize(
    "command", ["run", "pretrain", "finetune", "ring", "crossval", "ablate", "noise-study"]
)
def test_a_value_may_be_set_wherever_there_is_a_recipe(command):
    assert "--set" in run(command, "--help")


def test_a_set_value_is_in_the_recipe_of_the_run(recipe_file, corpus_folder, tmp_path):
    out = tmp_path / "r"
    shared = ("--corpus", corpus_folder, "--set", "calibrating.windows=20")
    run("pretrain", recipe_file, *shared, "--out", out, "--set", "pretrain.steps=1", "--seed", 5)
    run("finetune", out, *shared, "--set", "calibrating.cap=2.5")
    made = [config.load(out / stage / RECIPE) for stage in (runs.PRETRAINED, runs.FINETUNED)]
    assert [(r.seed, r.pretrain.steps, r.calibrating.windows) for r in made] == [(5, 1, 20)] * 2
    assert [r.calibrating.cap for r in made] == [3.0, 2.5]
    with pytest.raises(UsageError, match="expected the recipe that this run began with"):
        run("finetune", out, *shared, "--set", "finetune.steps=1")


def test_evaluate_a_corpus_with_everything(quick_run, corpus_folder, tmp_path):
    options = ("--corpus", corpus_folder, "--curve", "6,1,100", "--quantile", 0.5, "--prior", 0.54)
    said = run("evaluate", quick_run, quick_run, "--out", tmp_path / "r", "--poses", 100, *options)
    assert "balanced accuracy 0." in said
    assert said.splitlines()[-1] == str(tmp_path / "r" / "table.md")
    rows = rows_of(tmp_path / "r" / "table.csv")
    assert {row["n"] for row in rows.values()} == {"4"}
    assert "disjoint/test" in (tmp_path / "r" / "table.md").read_text()
    moments = [json.loads(line) for line in (tmp_path / "r" / "anytime.jsonl").read_text().splitlines()]
    assert {m["seconds"] for m in moments} == {1.0, 6.0}
    live = (tmp_path / "r" / "live.md").read_text()
    assert live in said
    assert "| full | 0 to 5 | 4 | 24 |" in live


def test_a_transductive_run_says_so_in_its_report(quick_run, corpus_folder, store, tmp_path):
    copy = shutil.copytree(quick_run, tmp_path / "run")
    about = copy / runs.FINETUNED / "about.json"
    says = json.loads(about.read_text())
    assert says["setting"] == "inductive"
    for setting, column in (("inductive", "accuracy"), ("transductive", "transductive_accuracy")):
        people = people_of(store, parts_of(store, "disjoint"), setting)
        about.write_text(json.dumps(says | {"setting": setting, "people": people}))
        run("evaluate", copy, "--out", tmp_path / "r", "--corpus", corpus_folder, "--curve", "")
        assert rows_of(tmp_path / "r" / "table.csv")["fused"][column]


def test_evaluate_says_when_the_run_learnt_from_these_people(quick_run, corpus_folder, tmp_path):
    run(
        "evaluate",
        quick_run,
        "--out",
        tmp_path / "r",
        "--corpus",
        corpus_folder,
        "--part",
        "train",
        "--curve",
        "",
    )
    assert "disjoint/train, people the run was trained on" in (tmp_path / "r" / "table.md").read_text()


def divided_anew(folder, **changes):
    """The corpus as an import with another seed would divide it."""
    index = Store.open(folder).index
    splits = own_split(index.entries, seed=1)
    assert set(splits["disjoint"].parts["test"]) & set(index.splits["disjoint"].parts["train"])
    changed = msgspec.structs.replace(index, splits=splits, **changes)
    (folder / INDEX).write_bytes(msgspec.json.encode(changed))


def test_evaluate_refuses_people_the_run_may_have_seen(
    quick_run, corpus_folder, tmp_path, monkeypatch, capsys
):
    other = shutil.copytree(corpus_folder, tmp_path / "other", ignore=shutil.ignore_patterns("inputs"))
    divided_anew(other)
    command = ("evaluate", quick_run, "--corpus", other, "--out", tmp_path / "r", "--curve", "")
    for more in ((), ("--other-corpus",)):  # it is no other corpus
        monkeypatch.setattr("sys.argv", ["undertone-training", *map(str, (*command, *more))])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "expected made with the recordings, labels and split disjoint that it was trained with" in line
        assert line.endswith(".")
        assert not (tmp_path / "r").exists()


def test_evaluate_reads_another_corpus_with_the_option_for_it(quick_run, corpus_folder, tmp_path):
    other = shutil.copytree(corpus_folder, tmp_path / "other", ignore=shutil.ignore_patterns("inputs"))
    divided_anew(other, name="elsewhere")
    command = ("evaluate", quick_run, "--corpus", other, "--out", tmp_path / "r", "--curve", "")
    with pytest.raises(UsageError, match="found elsewhere with others"):
        run(*command)
    run(*command, "--other-corpus")
    assert "on elsewhere, disjoint/test" in (tmp_path / "r" / "table.md").read_text()


def test_evaluate_people_made_up_for_it(quick_run, tmp_path):
    run("evaluate", quick_run, "--out", tmp_path / "r", "--people", 8, "--seconds", 3, "--curve", "")
    text = (tmp_path / "r" / "table.md").read_text()
    assert "8 simulated people of 3 s" in text
    assert "**simulated**" in text
    assert not (tmp_path / "r" / "anytime.png").exists()


def test_crossval_prints_its_table(recipe_file, corpus_folder, tmp_path, few_resamples, no_training):
    command = ("crossval", recipe_file, "--corpus", corpus_folder, "--out", tmp_path / "r", "--folds", 2)
    said = run(*command, "--part", "train")
    assert (tmp_path / "r" / "table.md").read_text() in said
    assert "2 folds by subject" in said
    no_training()
    assert run(*command, "--part", "train") == said


def test_ablate_and_noise_study_run_and_go_on(
    recipe_file, corpus_folder, tmp_path, monkeypatch, few_resamples, no_training
):
    monkeypatch.setattr(noise_study, "cells", lambda: iter((Cell(0.6), Cell(1.0))))
    shared = ("--corpus", corpus_folder, "--recipe", recipe_file, "--seeds", "2")
    tables = ("ablate", "training", *shared, "--out", tmp_path / "tables")
    noise = ("noise-study", *shared, "--out", tmp_path / "noise")
    first = run(*tables), run(*noise)
    assert "always win" in first[0]
    assert first[0].count("seed 2, ") == 4
    assert first[1].splitlines()[-1] == str(tmp_path / "noise" / RESULTS)
    no_training()
    assert (run(*tables), run(*noise)) == first


def test_curves_are_drawn_again(quick_run, tmp_path):
    run("curves", quick_run, "--out", tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def early(quick_run, tmp_path):
    """A run that has done stage 1 only."""
    shutil.copytree(quick_run / runs.PRETRAINED, tmp_path / "early" / runs.PRETRAINED)
    return tmp_path / "early"


@pytest.fixture
def half(corpus_folder, tmp_path):
    """A corpus whose import was stopped."""
    shutil.copytree(corpus_folder, tmp_path / "half")
    (tmp_path / "half" / INDEX).unlink()
    return tmp_path / "half"


EVALUATE = ("evaluate", "RUN", "--people", "4", "--seconds", "2", "--out", "OUT")
STUDY = ("--corpus", "CORPUS", "--recipe", "RECIPE", "--out", "OUT")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (
            (*EVALUATE, "--branches", "eyes"),
            "expected --branches some of keypoints, image, text, found 'eyes'",
        ),
        ((*EVALUATE, "--branches", ""), "expected --branches some of keypoints, image, text, found ''"),
        ((*EVALUATE, "--curve", "1,soon"), "expected --curve as seconds (from 0.04) separated by commas"),
        ((*EVALUATE, "--curve", "0,5"), "expected --curve as seconds (from 0.04) separated by commas"),
        ((*EVALUATE, "--curve=-3"), "expected --curve as seconds (from 0.04) separated by commas"),
        ((*EVALUATE, "--prior", "1"), "expected --prior between 0 and 1, both excluded, found 1"),
        ((*EVALUATE, "--quantile", "1.5"), "expected --quantile between 0 and 1, both excluded, found 1.5"),
        (("evaluate", "EARLY", *EVALUATE[2:]), "expected a calibrated run, found one after stage 1 only"),
        (("evaluate", "OUT", *EVALUATE[2:]), "expected a checkpoint"),
        (
            ("evaluate", "RUN", "--corpus", "HALF", "--out", "OUT"),
            "found a half-written one of 32 recordings",
        ),
        (("evaluate", "RUN", "--corpus", "CORPUS", "--part", "dev", "--out", "OUT"), "found disjoint/dev"),
        (
            ("crossval", "RECIPE", *STUDY[:2], "--folds", "99", "--out", "OUT"),
            "at least 99 labelled subjects",
        ),
        (("crossval", "RECIPE", *STUDY[:2], "--setting", "both", "--out", "OUT"), "expected --setting"),
        (("crossval", "RECIPE", *STUDY[:2], "--part", "dev", "--out", "OUT"), "found disjoint/dev"),
        (
            ("crossval", "RECIPE", "--corpus", "NOWHERE", "--out", "OUT", "--set", "pretrain.steps=-1"),
            "Expected `int` >= 0 - at `$.pretrain.steps`",  # said before anything is opened
        ),
        (
            ("ablate", "spatial", *STUDY, "--set", "splitting.split=track3"),
            "expected the split track3 of the recipe, found disjoint; give one of these with --set",
        ),
        (
            (
                "run",
                "RECIPE",
                "--corpus",
                "CORPUS",
                "--out",
                "OUT",
                "--set",
                "data.colour=1",
                "--set",
                "seed=x",
            ),
            "(Expected `int`, got `str` - at `$.seed`; [data] expected one of branches,",
        ),
        (("ablate", "text", *STUDY), "text: expected a table (spatial, image, training), found another"),
        (("ablate", "image", *STUDY, "--setting", "none"), "expected --setting inductive or transductive"),
        (("ablate", "spatial", *STUDY, "--seeds", "one"), "expected --seeds as different whole numbers"),
        (("ablate", "spatial", *STUDY, "--seeds", ""), "expected --seeds as different whole numbers"),
        (("ablate", "spatial", *STUDY, "--seeds=-1,2"), "expected --seeds as different whole numbers"),
        (("ablate", "spatial", *STUDY, "--seeds", "1,1"), "expected --seeds as different whole numbers"),
        (("noise-study", *STUDY, "--seeds", "1.5"), "expected --seeds as different whole numbers"),
        (("noise-study", "--corpus", "HALF", *STUDY[2:]), "found a half-written one of 32 recordings"),
        (("ablate", "training", *STUDY, "--labels", "OUT"), "found nothing there"),
        (("curves", "OUT"), "expected a run with log.jsonl, found none; give the directory of a run."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    command, sentence, quick_run, corpus_folder, early, half, recipe_file, tmp_path, monkeypatch, capsys
):
    names = {
        "RUN": quick_run,
        "EARLY": early,
        "CORPUS": corpus_folder,
        "HALF": half,
        "RECIPE": recipe_file,
        "OUT": tmp_path / "out",
    }
    monkeypatch.setattr("sys.argv", ["undertone-training", *(str(names.get(a, a)) for a in command)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert sentence in lines[0]
    assert not list((tmp_path / "out").rglob("*.jsonl"))
