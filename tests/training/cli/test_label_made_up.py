"""``undertone-training label-made-up``: the files of a real labeller, or one sentence."""

import pytest
from typer.testing import CliRunner

from stream.errors import UsageError
from training.__main__ import app
from training.labelling.labels import read


def run(corpus, out, *options):
    arguments = ["label-made-up", str(corpus), "--out", str(out), *options]
    return CliRunner().invoke(app, arguments)


def test_every_labelled_person_gets_an_answer(corpus_folder, tmp_path):
    done = run(corpus_folder, tmp_path / "said", "--accuracy", "1", "--text", "paper")
    assert done.exit_code == 0, done.exception
    assert done.output == f"{tmp_path / 'said'}: 32 simulated answers\n"
    said = read(tmp_path / "said")
    assert said.form == "paper"
    assert [win > 0.5 for _, win in sorted(said.wins.items())] == [False, True] * 16


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--accuracy", "0.3"), "expected a labeller's accuracy in 0.5..1, found 0.3"),
        (("--noise", "loud"), "expected --noise even or class or instance, found loud"),
        (("--text", "short"), "expected --text guarded or paper, found short"),
    ],
)
def test_what_cannot_be_meant_leaves_nothing(corpus_folder, tmp_path, options, sentence):
    done = run(corpus_folder, tmp_path / "said", *options)
    assert isinstance(done.exception, UsageError)
    assert sentence in str(done.exception)
    assert not (tmp_path / "said").exists()
