"""One cell from materials to predictions: resumed, refined over rounds, under every sampler."""

import pytest
from msgspec import structs

from stream.errors import UsageError
from training.data.materials import from_corpus
from training.labelling.labels import Labels
from training.learning import runs, stages
from training.learning.log import Log, read
from training.learning.loop import observed
from training.studies import cells
from training.studies.cells import Ground, run_cell

pytestmark = pytest.mark.slow


class Killed(Exception):
    pass


def test_a_killed_cell_goes_on_where_it_stood(quick_recipe, store, tmp_path, monkeypatch):
    ground, recipe = Ground(store), quick_recipe
    whole = run_cell(recipe, ground, "inductive", tmp_path / "whole")

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(runs, "calibrate", killed)
        with pytest.raises(Killed):
            run_cell(recipe, ground, "inductive", tmp_path / "cell")
    assert not (tmp_path / "cell" / cells.PREDICTIONS).exists()
    with observed(lambda *_: pytest.fail("trained again")):
        assert run_cell(recipe, ground, "inductive", tmp_path / "cell") == whole


def test_labels_are_refined_by_the_models_own_word_and_a_kill_in_between_is_no_matter(
    quick_recipe, store, tmp_path, monkeypatch
):
    recipe = structs.replace(
        quick_recipe,
        weak=structs.replace(quick_recipe.weak, labels="soft", rounds=2),
        finetune=structs.replace(quick_recipe.finetune, steps=4),
        compute=structs.replace(quick_recipe.compute, save_every=2),
    )
    materials = from_corpus(recipe, store)
    told, real_apply = [], stages.apply
    monkeypatch.setattr(
        stages, "apply", lambda pool, said, weak: told.append(dict(said)) or real_apply(pool, said, weak)
    )
    own, real_word = [], stages.confidences
    monkeypatch.setattr(stages, "confidences", lambda *a: own.append(real_word(*a)) or own[-1])
    whole = runs.run(recipe, tmp_path / "whole", materials).model.state_dict()
    given = materials.pools.confidences
    assert told[0] == given
    assert set(own[0]) == set(given)
    assert told[1] == pytest.approx({name: (own[0][name] + given[name]) / 2 for name in given})
    assert told[1] != told[0]
    stages_of = [line["stage"] for line in read(tmp_path / "whole" / runs.LOG)]
    assert "finetune, round 2" in stages_of

    once = structs.replace(recipe, weak=structs.replace(recipe.weak, rounds=1))
    first = runs.run(once, tmp_path / "once", materials).model.state_dict()
    assert any(not (first[name] == value).all() for name, value in whole.items())

    def killing(phase, step):
        if (phase, step) == ("finetune, round 2", 3):
            raise Killed

    with observed(killing), pytest.raises(Killed):
        runs.run(recipe, tmp_path / "killed", materials)
    asked = len(own)
    again = runs.run(recipe, tmp_path / "killed", materials).model.state_dict()
    assert len(own) == asked  # what it once said is kept
    assert all((again[name] == value).all() for name, value in whole.items())


@pytest.mark.parametrize("sampler", ["history", "paper"])
def test_other_samplers_train_through(quick_recipe, store, tmp_path, sampler):
    stage = structs.replace(quick_recipe.pretrain, sampler=sampler)
    recipe = structs.replace(
        quick_recipe,
        pretrain=stage,
        finetune=stage,
        inference=structs.replace(quick_recipe.inference, sampler=sampler),
    )
    ground = Ground(store)
    said = run_cell(recipe, ground, "inductive", tmp_path / sampler)
    assert len(said) == len(store.ids("disjoint", "test"))
    assert len(said[0].votes) == (2 if sampler == "paper" else 1)
    plain = run_cell(quick_recipe, ground, "inductive", tmp_path / "window")
    assert [p.logit for p in plain] != [p.logit for p in said]


def test_a_cell_of_another_recipe_is_not_taken_for_this_one(quick_recipe, store, tmp_path):
    """A recipe that differs in nothing that is learnt is the same one."""
    ground = Ground(store)
    found = run_cell(quick_recipe, ground, "inductive", tmp_path)
    faster = structs.replace(quick_recipe.compute, save_every=7)
    assert run_cell(structs.replace(quick_recipe, compute=faster), ground, "inductive", tmp_path) == found
    with pytest.raises(UsageError, match="expected results of this recipe, found those of another; choose"):
        run_cell(structs.replace(quick_recipe, seed=4), ground, "inductive", tmp_path)


def test_a_cell_of_another_corpus_is_not_taken_for_this_one(quick_recipe, store, tmp_path):
    run_cell(quick_recipe, Ground(store), "inductive", tmp_path)
    others = tuple(structs.replace(e, id=f"other-{e.id}") for e in store.index.entries)
    other = type(store)(store.folder, structs.replace(store.index, entries=others))
    with pytest.raises(
        UsageError, match=r"found those of other videos \(made-.* more\); choose another --out"
    ):
        run_cell(quick_recipe, Ground(other), "inductive", tmp_path)


def test_a_cell_of_other_labels_is_not_taken_for_this_one(quick_recipe, store, tmp_path, no_training):
    """By content: the same answers in another order, and answers that nobody learns from, change nothing."""
    wins = dict.fromkeys(store.entries, 0.7)
    found = run_cell(quick_recipe, Ground(store, Labels(wins)), "inductive", tmp_path / "told")
    none = structs.replace(quick_recipe, weak=structs.replace(quick_recipe.weak, labels="none"))
    plain = run_cell(none, Ground(store, Labels(wins)), "inductive", tmp_path / "untold")
    no_training()
    again = Ground(store, Labels(dict(reversed(wins.items()))))
    assert run_cell(quick_recipe, again, "inductive", tmp_path / "told") == found
    corrected = Labels(wins | {"made-00003": 0.0})
    for ground in (Ground(store, corrected), Ground(store)):
        with pytest.raises(
            UsageError, match="expected the labeller's wins that its results began with, found o"
        ):
            run_cell(quick_recipe, ground, "inductive", tmp_path / "told")
    assert run_cell(none, Ground(store, corrected), "inductive", tmp_path / "untold") == plain
    described = Labels(wins, dict.fromkeys(store.entries, "a nod"))
    with pytest.raises(
        UsageError, match="expected the labeller's texts that its results began with, found others"
    ):
        run_cell(none, Ground(store, described), "inductive", tmp_path / "untold")


@pytest.mark.parametrize(
    ("kind", "labels"),
    [("wins", {"wins": {"made-00000": 0.7}}), ("texts", {"texts": {"made-00000": "a nod"}})],
)
def test_a_killed_run_does_not_go_on_with_other_labels(
    quick_recipe, store, tmp_path, monkeypatch, kind, labels
):
    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(runs, "calibrate", killed)
        with pytest.raises(Killed):
            runs.run(quick_recipe, tmp_path, from_corpus(quick_recipe, store))
    before = (tmp_path / "progress.safetensors").read_bytes()
    with pytest.raises(
        UsageError, match=rf"expected the labeller's {kind} that its results began .*--labels"
    ):
        runs.run(quick_recipe, tmp_path, from_corpus(quick_recipe, store, labels=Labels(**labels)))
    assert (tmp_path / "progress.safetensors").read_bytes() == before


def test_a_run_does_not_go_on_in_another_setting_or_corpus(quick_recipe, store, tmp_path):
    """Test people learnt from in the one would be reported as strangers in the other."""
    here = from_corpus(quick_recipe, store, "transductive")
    first = runs.run_pretrain(quick_recipe, tmp_path, here)
    entries = tuple(structs.replace(e, sha256="0" * 64) for e in store.index.entries)
    changed = type(store)(store.folder, structs.replace(store.index, entries=entries))
    parts = {name: store.ids("disjoint", name) for name in ("train", "validation")}
    others = (
        from_corpus(quick_recipe, store),
        from_corpus(quick_recipe, changed, "transductive"),
        from_corpus(quick_recipe, store, "transductive", parts={**parts, "test": parts["validation"]}),
    )
    for other in others:
        for start in (
            lambda m: runs.run(quick_recipe, tmp_path, m),
            lambda m: runs.run_finetune(first, tmp_path, m),
        ):
            with pytest.raises(
                UsageError, match=r"expected the corpus, split, setting and .* that this run began"
            ):
                start(other)
    full = runs.run(quick_recipe, tmp_path, here)
    assert full.about["setting"] == "transductive"
    assert full.about["people"] == here.people


def test_a_finished_cell_is_of_its_own_corpus(quick_recipe, store, tmp_path, no_training):
    found = run_cell(quick_recipe, Ground(store), "inductive", tmp_path)
    no_training()
    assert run_cell(quick_recipe, Ground(store), "inductive", tmp_path) == found
    entries = tuple(structs.replace(e, sha256="0" * 64) for e in store.index.entries)
    changed = type(store)(store.folder, structs.replace(store.index, entries=entries))
    with pytest.raises(
        UsageError, match=r"expected the corpus, split, setting and .* that this run began with"
    ):
        run_cell(quick_recipe, Ground(changed), "inductive", tmp_path)


def test_a_branch_that_nothing_feeds_is_said(quick_recipe, store, tmp_path):
    recipe = structs.replace(quick_recipe, data=structs.replace(quick_recipe.data, branches=("image",)))
    with pytest.raises(UsageError, match=r"what data.branches asks for \(image\), found none; use another"):
        runs.run_pretrain(recipe, tmp_path, from_corpus(recipe, store))


def test_stage_2_reads_the_texts_that_stage_1_learnt(quick_recipe, store, tmp_path):
    first = runs.run_pretrain(quick_recipe, tmp_path / "first", from_corpus(quick_recipe, store))
    other = from_corpus(quick_recipe, store, labels=Labels(texts={"made-00000": "a nod"}))
    with pytest.raises(UsageError, match="expected the labeller's texts"):
        runs.run_finetune(first, tmp_path / "second", other)


def test_a_log_goes_on_after_a_line_that_a_kill_cut_short(tmp_path):
    path = tmp_path / "log.jsonl"
    for step in range(2):
        Log(path)(step=step)
    with path.open("a") as stream:
        stream.write('{"step": 2, "lo')
    assert [line["step"] for line in read(path)] == [0, 1]
    again = Log(path)
    again(step=2)
    again(step=3)
    assert [line["step"] for line in read(path)] == [0, 1, 2, 3]
    assert [line["step"] for line in again.lines] == [0, 1, 2, 3]
    again.rewind(1)
    again(step=9)
    assert [line["step"] for line in read(path)] == [0, 9]
