"""Label files of ours and of the Oulu release; whatever is wrong names the line."""

import pytest

from stream.errors import UsageError
from training.corpus.labels import Label, check_known, of, read


def written(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_both_kinds_are_read(tmp_path):
    ours = written(tmp_path, '\ufeffid,subject,label,text\na, x ,Win,"smiles, nods"\nb,y,loss,\nc,y,,\n')
    assert read(ours) == {"a": Label("x", 1, "smiles, nods"), "b": Label("y", 0), "c": Label("y", None)}
    oulu = written(tmp_path, "video_id,class,subject_id,win_or_lose\n1,3,12,Win\n1,99,12,Win\n7,2,13,Lose\n")
    assert read(oulu) == {"1": Label("12", 1), "7": Label("13", 0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header and a line a video, found none"),
        ("id,subject,label\n", "expected a header and a line a video, found none"),
        ("id,label\na,win\n", "found no subject; add it"),
        ("id,subject,label\na,x,draw\n", "line 2: expected win or loss .* found 'draw'"),
        ("id,subject,label\n,x,win\n", "line 2: expected an id and a subject"),
        ("id,subject,label\na,x,win\na,x,loss\n", "line 3: expected one subject and result for video a"),
        ("id,subject,label\na,x,win\na,y,win\n", "line 3: expected one subject .* found y"),
        (
            "id,subject,label\n54,x,win\n0054,y,loss\n",
            "line 3: .* video 54 of line 2, found 0054",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        read(written(tmp_path, text))


def test_files_that_are_none(tmp_path):
    with pytest.raises(UsageError, match="expected a CSV file of labels, found none"):
        read(tmp_path / "nothing.csv")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UsageError, match="expected a CSV file of labels, found none"):
        read(tmp_path / "picture.csv")


def test_unknown_videos_are_listed():
    with pytest.raises(UsageError, match=r"labels\.csv: .* none for 2 \(c, d\); add these .* --partial"):
        check_known(["a", "d", "c"], ["a", "b"], "labels.csv")
    check_known(["a"], ["a", "b"], "labels.csv")
    assert of({"a": Label("x", 1)}, "b") == (Label("unknown-b", None), "not in the label file")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_capitals_and_spreadsheet_numbers(tmp_path, separator):
    lines = [("ID", "Subject", "LABEL"), ("54.0", "9.0", "win"), ("0055", "9", "Loss")]
    path = written(tmp_path, "\n".join(separator.join(line) for line in lines) + "\n")
    assert read(path) == {"54": Label("9", 1), "0055": Label("9", 0)}
