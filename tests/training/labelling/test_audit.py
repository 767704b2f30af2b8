"""The sheet survives spreadsheets and reruns; what a person wrote into it wins."""

import csv
import io
import re
import tomllib
from pathlib import Path

import pytest

from stream.describing.labellers.answer import ActionUnit, Answer, Verdict
from stream.errors import UsageError
from training.labelling import audit

UNIT = ActionUnit(code="AU12", name="lip corner puller", start_s=3.5, end_s=4.0, emotion="joy")
WHOLE = Answer(
    action_units=[UNIT, UNIT.model_copy(update={"end_s": None})],
    evidence_win=["a smile, small", 'he says "yes"'],
    evidence_loss=["= a trap"],
    reflection=[],
    confidence_win=70,
    confidence_loss=30,
)
PLAIN = Verdict(confidence_win=10, confidence_loss=40)
TIE = Verdict(confidence_win=50, confidence_loss=50)
ANSWERS = {"0001": WHOLE, "0002": PLAIN, "0003": None, "0004": TIE}
HEADER = "id,label,corrected,note,confidence_win,confidence_loss"


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / audit.AUDIT
    audit.write(path, ANSWERS)
    return path


def cells(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def edit(path, **corrected):
    """As a person does: ``0001="loss"``."""
    rows = cells(path)
    for row in rows:
        row["corrected"] = corrected.get(f"v{row['id']}", row["corrected"])
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_one_row_a_video(sheet):
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbf")  # or a spreadsheet guesses the encoding
    first, second, third, fourth = cells(sheet)
    assert tuple(first) == audit.COLUMNS
    assert first["id"] == "0001"
    assert (first["label"], first["confidence_win"], first["confidence_loss"]) == ("win", "70", "30")
    assert first["evidence_win"] == 'a smile, small\nhe says "yes"'
    assert first["evidence_loss"] == "'= a trap"  # no formula
    assert first["action_units"].split("\n") == [
        "3.5–4 s: AU12 lip corner puller (joy)",
        "3.5 s: AU12 lip corner puller (joy)",
    ]
    assert second["label"] == "loss"
    assert set(third.values()) == {"0003", ""}
    assert fourth["label"] == ""
    assert all(row["corrected"] == row["note"] == "" for row in (first, second, third, fourth))


def test_what_reads_answers_is_in_the_extra_for_training():
    """Labels are read and made up without any labeller's client."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert any(re.match(r"pydantic\b", name) for name in project["optional-dependencies"]["training"])


def test_why_there_is_no_answer(tmp_path):
    path = tmp_path / audit.AUDIT
    audit.write(path, ANSWERS, {"0003": "=blocked", "0009": "of no video"})
    assert [row["failed"] for row in cells(path)] == ["", "", "'=blocked", ""]
    assert audit.read(path)["0003"].win is None
    audit.write(path, ANSWERS)
    assert {row["failed"] for row in cells(path)} == {""}


def test_judgements_are_read(sheet):
    rows = audit.read(sheet)
    assert {id: row.win for id, row in rows.items()} == {"0001": 0.7, "0002": 0.2, "0003": None, "0004": 0.5}
    assert not any(row.corrected for row in rows.values())


@pytest.mark.parametrize(
    ("word", "win"), [("win", 1.0), ("Lost", 0.0), (" loss ", 0.0), ("1", 1.0), ("drop", None)]
)
def test_a_correction_wins_and_is_kept(sheet, word, win):
    edit(sheet, v0001=word, v0003=word)
    assert [audit.read(sheet)[id].win for id in ("0001", "0003", "0002")] == [win, win, 0.2]
    audit.write(sheet, ANSWERS | {"0001": TIE, "0005": PLAIN})  # asked again
    rows = audit.read(sheet)
    assert [rows[id].win for id in ("0001", "0003", "0005")] == [win, win, 0.2]
    assert cells(sheet)[0]["confidence_win"] == "50"  # what the labeller says now is there to be compared


def test_a_row_that_a_person_touched_outlives_its_answer(sheet):
    edit(sheet, v0002="win")
    audit.write(sheet, {"0001": WHOLE})
    assert list(audit.read(sheet)) == ["0001", "0002"]
    assert audit.read(sheet)["0002"].win == 1.0


def test_what_a_spreadsheet_makes_of_it(tmp_path):
    path = tmp_path / "audit.csv"
    path.write_bytes(
        "\ufeffid;label;corrected;note;confidence_win;confidence_loss;evidence_win\r\n"
        '1;win;loss;"a; note";70,5;29,5;"ä\nb"\r\n'
        "2;loss;;;10;40;\r\n"
        ";;;;;;\r\n".encode()
    )
    rows = audit.matched(audit.read(path), ANSWERS)
    assert set(rows) == {"0001", "0002"}
    assert (rows["0001"].win, rows["0001"].note) == (0.0, "a; note")
    assert rows["0001"].verdict.confidence_win == 70.5
    audit.write(path, ANSWERS)
    assert audit.read(path)["0001"].win == 0.0
    assert len(audit.read(path)) == 4


def test_a_number_that_two_ids_share_is_nobodys():
    rows = audit.matched({"7": None}, {"07", "007"})
    assert set(rows) == {"7"}
    assert set(audit.matched({"07": None}, {"07", "007"})) == {"07"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f"{HEADER}\na,win,,,70,30\nb,win,maybe,,70,30\n",
            "line 3: expected win, loss, drop or nothing as corr",
        ),
        (f'{HEADER}\na,win,,"two\nlines",70,30\nb,,yes,,,\n', "line 4: .* found 'yes'; correct it"),
        (f"{HEADER}\na,win,,,70,30\na,win,,,70,30\n", "line 3: expected an id of its own, found 'a'"),
        (f"{HEADER}\n,win,win,,70,30\n", "line 2: expected an id of its own, found ''"),
        (
            f"{HEADER}\na,win,,,much,30\n",
            "line 2: expected both confidences as numbers 0..100, found 'much' and",
        ),
        (f"{HEADER}\na,win,,,170,30\n", "line 2: expected both confidences"),
        (f"{HEADER}\na,win,,,nan,30\n", "line 2: expected both confidences"),
        (f"{HEADER}\na,win,,,70,\n", "line 2: expected both confidences"),
        ("id,label\na,win\n", "found no corrected; add it"),
        ("", "found no id; add it"),
        (b"\xff\xfe\x00id", "expected an audit sheet, found none that reads"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_overwritten(tmp_path, text, sentence):
    path = tmp_path / "audit.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = path.read_bytes()
    for act in (lambda: audit.read(path), lambda: audit.write(path, ANSWERS)):
        with pytest.raises(UsageError, match=sentence) as error:
            act()
        assert "\n" not in str(error.value)
        assert str(error.value).startswith(str(path))
    assert path.read_bytes() == before


def test_a_sheet_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="expected an audit sheet, found none that reads"):
        audit.read(tmp_path / "audit.csv")
