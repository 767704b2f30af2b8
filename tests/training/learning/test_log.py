"""A log survives a kill in the middle of a line, and a resumed run takes back what comes again."""

import json

from training.learning.log import Log, read


def test_lines_are_on_disk_and_in_memory(tmp_path):
    path = tmp_path / "log.jsonl"
    log = Log(path)
    log(stage="a", loss=0.5)
    log(stage="b")
    assert [line["stage"] for line in read(path)] == ["a", "b"]
    assert read(path) == log.lines
    assert log.lines[0]["loss"] == 0.5


def test_a_line_cut_short_is_left_out_and_not_joined_to_the_next(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"stage": "a", "elapsed_s": 7.0}) + '\n{"stage": "b", "ela')
    assert [line["stage"] for line in read(path)] == ["a"]
    log = Log(path)
    log(stage="c")
    assert [line["stage"] for line in read(path)] == ["a", "c"]
    assert log.lines[1]["elapsed_s"] >= 7.0  # time goes on from where it was


def test_a_resumed_run_forgets_what_comes_again(tmp_path):
    path = tmp_path / "log.jsonl"
    log = Log(path)
    for stage in "abc":
        log(stage=stage)
    log.rewind(1)
    log(stage="d")
    assert [line["stage"] for line in read(path)] == [line["stage"] for line in log.lines] == ["a", "d"]


def test_the_other_processes_of_a_run_write_nothing(tmp_path):
    path = tmp_path / "log.jsonl"
    log = Log(path, quiet=True)
    log(stage="a")
    log.rewind(0)
    assert not path.exists()
