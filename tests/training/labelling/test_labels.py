"""Labels from lines and sheets: corrections win, a text stays, what is malformed is named."""

import pytest

from stream.describing.labellers.answer import Verdict
from stream.errors import UsageError
from training.labelling import audit
from training.labelling.labels import LABELS, Labels, Line, read, write

SAID = [Line("0001", 0.7, "two\u2028smiles"), Line("0002", 0.2, "nothing"), Line("0003", None, None)]
ANSWERS = {
    "0001": Verdict(confidence_win=70, confidence_loss=30),
    "0002": Verdict(confidence_win=10, confidence_loss=40),
    "0003": None,
}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / LABELS, SAID)
    audit.write(tmp_path / audit.AUDIT, ANSWERS)
    return tmp_path


def correct(folder, id, word):
    path = folder / audit.AUDIT
    lines = [x.replace(",,", f",{word},", 1) if x.startswith(id) else x for x in path.read_text().split("\n")]
    path.write_text("\n".join(lines))


@pytest.mark.parametrize("name", ["", LABELS, audit.AUDIT])
def test_lines_and_sheet_belong_together(folder, name):
    found = read(folder / name)
    assert found.wins == {"0001": 0.7, "0002": 0.2}
    assert found.texts == {"0001": "two\u2028smiles", "0002": "nothing", "0003": None}
    assert found.ids == {"0001", "0002", "0003"}
    correct(folder, "0001", "loss")
    correct(folder, "0002", "drop")
    again = read(folder / name)
    assert again.wins == {"0001": 0.0}
    assert again.texts == found.texts
    assert again.wins_sha256 != found.wins_sha256
    assert again.texts_sha256 == found.texts_sha256


def test_the_form_of_the_texts_is_noted(tmp_path):
    path = tmp_path / LABELS
    write(path, SAID)
    assert ("form" in path.read_text(), read(path).form) == (False, "guarded")
    write(path, [Line("0001", 0.7, "win 70", "paper"), Line("0003", None, None, "paper")])
    assert read(path).form == "paper"
    write(path, [Line("0001", 0.7, "win 70", "paper"), Line("0002", 0.2, "nods")])
    with pytest.raises(UsageError, match="expected texts of one form, found guarded ones and the paper's"):
        read(path)


def test_a_sheet_alone_and_lines_alone(folder):
    lines = (folder / LABELS).rename(folder / "said.jsonl")
    correct(folder, "0001", "loss")
    sheet = read(folder)
    assert (sheet.wins, sheet.texts) == ({"0001": 0.0, "0002": 0.2}, None)
    assert read(folder / audit.AUDIT).wins_sha256 == sheet.wins_sha256
    assert read(lines).wins == {"0001": 0.7, "0002": 0.2}  # a file of another name is nobody's


def test_confidences_alone_leave_the_corpus_its_texts(tmp_path):
    path = tmp_path / "said.jsonl"
    path.write_text('{"id": "a", "win": 0.25}\n{"id": "b", "win": 1, "model": "x"}\n')
    found = read(path)
    assert (found.wins, found.texts, found.texts_sha256) == ({"a": 0.25, "b": 1.0}, None, "")
    path.write_text("")
    assert read(path).wins == {}


def test_the_hash_is_of_the_content():
    one, other = Labels({"a": 0.2, "b": 1.0}, {"a": "x"}), Labels({"b": 1.0, "a": 0.2}, {"a": "x"})
    assert (one.wins_sha256, one.texts_sha256) == (other.wins_sha256, other.texts_sha256)
    wins = [one, Labels({"a": 0.2}), Labels({"a": 0.3}), Labels({"b": 0.2}), Labels()]
    texts = [one, Labels(texts={"a": None}), Labels(texts={"b": "x"}), Labels()]
    assert len({labels.wins_sha256 for labels in wins}) == len(wins)
    assert len({labels.texts_sha256 for labels in texts}) == len(texts)
    assert Labels().wins_sha256 == Labels().texts_sha256 == ""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a,0.5", "expected JSON with id and win"),
        ('{"id": "a"}', "expected JSON with id and win"),
        ('{"id": "a", "win": "likely"}', "expected JSON with id and win"),
        ('{"id": "a", "win": 0.5, "text": 3}', "expected JSON with id and win"),
        ('{"id": "a", "win": 1.5}', r"expected one win in 0\.\.1 a video, found 1\.5 for a"),
        ('{"id": "b", "win": 0.5}', r"found 0\.5 for b"),
        ("", "expected JSON with id and win"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, found):
    path = tmp_path / "said.jsonl"
    path.write_text(f'{{"id": "b", "win": 0.5}}\n{line}\n{{"id": "c", "win": 0.5}}\n')
    with pytest.raises(UsageError, match=rf"said\.jsonl:2: .*{found}.* correct it\.$") as error:
        read(path)
    assert "\n" not in str(error.value)


def test_labels_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"expected a labeller.s folder, its .*, found nothing there"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(
        UsageError, match=r"audit.csv: expected a labeller.s folder, its .*, found nothing there"
    ):
        read(tmp_path / "audit.csv")
    with pytest.raises(
        UsageError, match=r"expected labels\.jsonl or audit\.csv, found neither; give another f"
    ):
        read(tmp_path)
