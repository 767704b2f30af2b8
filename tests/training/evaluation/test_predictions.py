import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import UsageError
from training.evaluation.predictions import Prediction, columns, join, pair, read, write


def prediction(id: str = "0001", **values: object) -> Prediction:
    usual = {"subject": "s1", "label": 1, "win": 0.7, "logit": 0.8, "seconds": 160.0}
    return Prediction(id=id, **{**usual, **values})


records = st.builds(
    Prediction,
    id=st.text(),
    subject=st.text(),
    label=st.sampled_from([0, 1]),
    win=st.floats(0, 1),
    logit=st.floats(allow_nan=False, allow_infinity=False),
    seconds=st.floats(0, 1e6),
    votes=st.none() | st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
)


@given(st.lists(records, min_size=1))
def test_read_undoes_write(tmp_path_factory, predictions):
    path = tmp_path_factory.mktemp("p") / "p.jsonl"
    assert read(write(path, predictions)) == predictions


def test_numpy_scalars_become_plain_numbers(tmp_path):
    made = prediction(label=np.int64(1), win=np.float32(0.5), logit=np.float64(2), seconds=np.int32(7))
    assert read(write(tmp_path / "p.jsonl", [made])) == [prediction(win=0.5, logit=2.0, seconds=7.0)]


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    path = write(tmp_path / "p.jsonl", [prediction()])

    def breaks():
        yield prediction("0002")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write(path, breaks())
    assert [p.id for p in read(path)] == ["0001"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "line",
    [
        b'{"id": "0001"',  # cut short
        b'{"id": "0001"}',
        b"",
        b"\xff\xfe",
        msgspec.json.encode(prediction()).replace(b'"label":1', b'"label":2'),
        msgspec.json.encode(prediction()).replace(b"0.7", b"1.7"),
        msgspec.json.encode(prediction()).replace(b"0.7", b"null"),
        msgspec.json.encode(prediction()).replace(b"0.8", b'"much"'),
        msgspec.json.encode(prediction()).replace(b'"win"', b'"won"'),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line):
    path = tmp_path / "p.jsonl"
    path.write_bytes(msgspec.json.encode(prediction("0000")) + b"\n" + line + b"\n")
    with pytest.raises(UsageError, match=r"p\.jsonl:2: expected a prediction"):
        read(path)


def test_missing_and_empty_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no readable file"):
        read(tmp_path / "p.jsonl")
    with pytest.raises(UsageError, match="empty file"):
        read(write(tmp_path / "p.jsonl", []))


@pytest.mark.parametrize(
    "wrong", [{"label": -1}, {"win": math.nan}, {"win": -0.1}, {"logit": math.inf}, {"seconds": -1.0}]
)
def test_values_outside_their_range_are_refused(wrong):
    with pytest.raises(UsageError, match="expected"):
        prediction(**wrong)


def test_join_keeps_every_fold_and_refuses_a_video_in_two():
    a, b = [prediction("1"), prediction("1", seconds=5.0)], [prediction("2", subject="s2")]
    assert join(a, b) == a + b
    with pytest.raises(UsageError, match="found 1 2 times"):
        join(a, [prediction("1")])


def test_join_refuses_a_video_with_two_labels_or_subjects():
    with pytest.raises(UsageError, match="one label and one subject"):
        join([prediction("1"), prediction("1", label=0)])
    with pytest.raises(UsageError, match="one label and one subject"):
        join([prediction("1"), prediction("1", subject="s2")])


def test_pair_puts_both_in_the_same_order():
    a, b = [prediction("2"), prediction("1")], [prediction("1", win=0.1), prediction("2", win=0.2)]
    first, second = pair(a, b)
    assert [p.id for p in first] == [p.id for p in second] == ["1", "2"]
    assert [p.win for p in second] == [0.1, 0.2]


@pytest.mark.parametrize("other", [prediction("3"), prediction("2", label=0), prediction("2", subject="x")])
def test_pair_refuses_other_videos(other):
    with pytest.raises(UsageError, match="same videos"):
        pair([prediction("1"), prediction("2")], [prediction("1"), other])


def test_pair_and_columns_refuse_a_video_twice_and_none():
    with pytest.raises(UsageError, match="found 1 2 times"):
        columns([prediction("1"), prediction("1", seconds=5.0)])
    with pytest.raises(UsageError, match="found 1 2 times"):
        pair([prediction("1")] * 2, [prediction("1")] * 2)
    with pytest.raises(UsageError, match="found none"):
        columns([])


def test_columns_number_subjects():
    win, label, subject = columns(
        [prediction("1", subject="b"), prediction("2", subject="a", label=0), prediction("3", subject="b")]
    )
    assert subject.tolist() == [1, 0, 1]
    assert label.tolist() == [1, 0, 1]
    assert win.tolist() == [0.7] * 3
