"""The commands: each runs, continues after a stop, says what is wrong, and shows an example."""

import json

import pytest
from typer.testing import CliRunner

from stream.errors import UsageError
from training.cli import corpus
from training.corpus.store import Store
from training.simulator import as_corpus

COMMANDS = ("simulate", "imigue", "miga", "openpose", "check")


def run(*arguments):
    return CliRunner().invoke(corpus.app, [str(a) for a in arguments], catch_exceptions=False)


def simulate(folder, count=12, *more):
    return run("simulate", "made", "--out", folder, "--recordings", count, "--seconds", 1, *more)


def test_made_up_people_half_of_each_class(tmp_path):
    result = simulate(tmp_path / "c")
    assert result.exit_code == 0
    assert "12 recordings, 0 with a note; splits: disjoint" in result.stdout
    store = Store.open(tmp_path / "c")
    assert store.index.simulated
    assert [e.label for e in store.index.entries] == [0, 1] * 6
    assert len({e.subject for e in store.index.entries}) == 12
    assert {p: len(ids) for p, ids in store.index.splits["disjoint"].parts.items()} == {
        "train": 8, "validation": 2, "test": 2,
    }  # fmt: skip
    assert store.recording("made-00003").llr is not None


def test_a_stopped_import_continues_and_more_may_be_asked(tmp_path, monkeypatch):
    calls, simulated = [], as_corpus.simulate

    def stops(profile, label, seconds, seed):
        calls.append(seed)
        if calls == [0, 1, 2]:
            raise KeyboardInterrupt
        return simulated(profile, label, seconds, seed)

    monkeypatch.setattr(as_corpus, "simulate", stops)
    assert simulate(tmp_path / "c").exit_code != 0
    with pytest.raises(UsageError, match="half-written one of 2"):
        Store.open(tmp_path / "c")
    simulate(tmp_path / "c")
    assert calls == [0, 1, 2, *range(2, 12)]
    simulate(tmp_path / "c", 14)
    assert calls[-2:] == [12, 13]
    assert len(Store.open(tmp_path / "c").entries) == 14
    with pytest.raises(UsageError, match="choose another folder"):
        simulate(tmp_path / "c", 14, "--profile", "demo")


def test_shares_and_profiles_are_checked(tmp_path):
    simulate(tmp_path / "c", 20, "--shares", "0.5,0.25,0.25")
    parts = Store.open(tmp_path / "c").index.splits["disjoint"].parts
    assert [len(ids) for ids in parts.values()] == [10, 5, 5]
    for shares in ("0.5,0.5", "a,b,c", "0.5,0.2,0.2", "1,0,0"):
        with pytest.raises(UsageError, match="expected three shares that add up to 1, such as"):
            simulate(tmp_path / "d", 3, "--shares", shares)
    assert not (tmp_path / "d").exists()  # said before anybody is made
    with pytest.raises(UsageError, match="expected a profile of standard, plain, demo"):
        simulate(tmp_path / "e", 3, "--profile", "sad")


def test_check_reports_draws_and_fails_for_a_problem(tmp_path):
    simulate(tmp_path / "c")
    result = run("check", tmp_path / "c", "--out", tmp_path / "c.png")
    assert result.exit_code == 0
    assert "12 recordings of 12 subjects" in result.stdout
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(run("check", tmp_path / "c", "--json").stdout)["counts"]["win"] == 6
    entry = Store.open(tmp_path / "c").entries["made-00001"]
    path = tmp_path / "c" / entry.file
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    broken = run("check", tmp_path / "c")
    assert broken.exit_code == 2
    assert "problem: made-00001: the file is not what was written" in broken.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: undertone-training corpus {command}" in " ".join(result.stdout.split())


def test_readers_are_reached(tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("id,subject,label\n")
    for arguments, message in (
        (("imigue", tmp_path), "mg_skeleton_only"),
        (("miga", tmp_path, "--labels", labels), "light_hand"),
        (("openpose", tmp_path, "--labels", labels), "--write_json"),
    ):
        with pytest.raises(UsageError, match=message):
            run(*arguments, "--out", tmp_path / "c")


def test_how_many_labels_were_corrected_is_said(tmp_path):
    for video in ("a", "b"):
        (tmp_path / "json" / video).mkdir(parents=True)
        for frame in range(3):
            person = {"pose_keypoints_2d": [100.0, 50.0 + frame, 0.9] * 25}
            path = tmp_path / "json" / video / f"{video}_{frame:012d}_keypoints.json"
            path.write_text(json.dumps({"people": [person]}))
    labels = tmp_path / "labels.csv"
    command = ("openpose", tmp_path / "json", "--labels", labels, "--out", tmp_path / "c")
    labels.write_text("id,subject,label\na,anna,win\nb,bob,loss\n")
    assert "made again" not in run(*command).stdout
    labels.write_text("id,subject,label,text\na,anna,loss,He sits.\nb,bob,loss,\n")
    result = run(*command)
    assert result.exit_code == 0
    assert "1 made again, their subject, result or text was corrected: a" in result.stdout
    assert Store.open(tmp_path / "c").recording("a").text == "He sits."
    assert [e.label for e in Store.open(tmp_path / "c").index.entries] == [0, 0]
    assert "made again" not in run(*command).stdout
