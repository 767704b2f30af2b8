"""``undertone-training labels``: a report beside the answers, or one sentence."""

import pytest
from typer.testing import CliRunner

from stream.describing.labellers.answer import Verdict
from stream.errors import UsageError
from training.__main__ import app
from training.labelling import audit
from training.labelling.labels import LABELS, Line, write

LABEL = {f"v{i}": int(i < 6) for i in range(10)}
WIN = dict(zip(LABEL, (0.9, 0.8, 0.7, 0.6, 0.4, 0.2, 0.7, 0.3, 0.2, 0.1), strict=True))


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "said"
    out.mkdir()
    write(out / LABELS, [Line(id, win, None) for id, win in WIN.items()])
    answers = {
        id: Verdict(confidence_win=100 * win, confidence_loss=100 - 100 * win) for id, win in WIN.items()
    }
    audit.write(out / audit.AUDIT, answers)
    rows = "".join(f"{id},s{id},{'win' if label else 'loss'}\n" for id, label in LABEL.items())
    (tmp_path / "truth.csv").write_text(f"id,subject,label\n{rows}")
    return out


@pytest.mark.parametrize("what", ["answers", "truth"])
@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv", "nowhere.jsonl", "."])
def test_what_is_not_there_is_one_sentence(folder, tmp_path, what, name):
    given = {"answers": folder, "truth": tmp_path / "truth.csv"} | {what: tmp_path / name}
    arguments = ["labels", str(given["answers"]), "--truth", str(given["truth"])]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, UsageError)
    assert str(error).startswith(f"{tmp_path / name}: expected")
    assert not set("[]\n") & set(str(error).removeprefix(str(tmp_path)))
    assert not (folder / "agreement.md").exists()


def test_the_command(folder, tmp_path):
    arguments = ["labels", str(folder), "--truth", str(tmp_path / "truth.csv")]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "| labeller | 70.0 %" in done.output
    assert done.output.strip() == (folder / "agreement.md").read_text().strip()
    sheet = folder / audit.AUDIT
    sheet.write_text(sheet.read_text().replace("v4,loss,,", "v4,loss,win,"))
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "report")], catch_exceptions=False)
    assert "| as corrected | 80.0 %" in done.output
    assert (tmp_path / "report" / "agreement.csv").exists()
