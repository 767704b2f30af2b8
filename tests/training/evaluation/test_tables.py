import csv
import io
import math

import numpy as np
import pytest

from stream.errors import UsageError
from training.evaluation import tables
from training.evaluation.intervals import over_seeds_and_subjects
from training.evaluation.metrics import auroc
from training.evaluation.predictions import Prediction


def sample(seed=0, n=30):
    rng = np.random.default_rng(seed)
    return [
        Prediction(id=str(i), subject=str(i // 2), label=int(i % 3 > 0), win=w, logit=0.0, seconds=9.0)
        for i, w in enumerate(rng.random(n))
    ]


TEST = sample()
FEW = 50  # resamples


def row(name, *seeds, **values):
    return tables.row(name, *seeds, resamples=FEW, **values)


ROW = row("MLP", [TEST], note="a|b")


def built(rows=(ROW,), **flags):
    usual = {"subject_disjoint": True, "simulated": False, "resamples": FEW}
    return tables.table("Encoders", rows, TEST, **{**usual, **flags})


def cells(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").replace(r"\|", "¦").split("|")]


def test_every_table_ends_with_who_always_answers_win():
    text = tables.markdown(built([]), ["accuracy", "balanced_accuracy", "f1", "log_loss"])
    assert text.splitlines()[-1].startswith("| always win | 66.7 % [")
    found = cells(text, "always win")
    assert (found[2], found[4]) == ("50.0 % [50.0, 50.0]", "–")
    assert found[3].startswith("80.0 % [")


def test_always_win_states_the_prior_it_is_given():
    text = tables.markdown(built(prior=0.78), ["calibration_error", "log_loss"])
    found = cells(text, "always win")
    assert found[1].startswith(f"{0.78 - 2 / 3:.3f} [")
    assert found[2].startswith(f"{-(2 * math.log(0.78) + math.log(0.22)) / 3:.3f} [")
    assert found[-1] == "confidence 0.78"


def test_cells_hold_figure_and_interval():
    figure = over_seeds_and_subjects([TEST], auroc, resamples=FEW)
    text = tables.markdown(built(), ["auroc"])
    assert cells(text, "MLP") == [
        "MLP",
        f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]",
        "30",
        "a¦b",
    ]


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize("subject_disjoint", [True, False])
def test_labels_are_printed_where_they_hold(simulated, subject_disjoint):
    text = tables.markdown(built(simulated=simulated, subject_disjoint=subject_disjoint))
    assert ("simulated" in text) == simulated
    assert ("subject_disjoint: false" in text) == (not subject_disjoint)
    (first, _) = csv.DictReader(io.StringIO(tables.to_csv(built(simulated=simulated))))
    assert first["simulated"] == str(simulated).lower()
    assert first["subject_disjoint"] == "true"


def test_inductive_and_transductive_stand_side_by_side():
    other = sample(1)
    both = built([ROW, row("MLP, weak", [TEST], [other])])
    text = tables.markdown(both, ["auroc", "f1"])
    head = cells(text, "")
    assert head[1:5] == [
        "AUROC, inductive",
        "AUROC, transductive",
        "F1 of win, inductive",
        "F1 of win, transductive",
    ]
    assert cells(text, "MLP")[2] == "–"
    weak = cells(text, "MLP, weak")
    assert weak[1] == cells(text, "MLP")[1] != weak[2]
    always = cells(text, "always win")
    assert always[3] == always[4]
    assert "inductive" not in tables.markdown(built())


def test_csv_is_unrounded_and_reads_back():
    figure = over_seeds_and_subjects([TEST], auroc, resamples=FEW)
    mlp, always = csv.DictReader(io.StringIO(tables.to_csv(built())))
    assert [float(mlp[f"auroc{end}"]) for end in ("", "_low", "_high")] == [
        figure.value,
        figure.low,
        figure.high,
    ]
    assert (mlp["name"], mlp["n"], mlp["note"], always["name"]) == ("MLP", "30", "a|b", "always win")
    assert always["log_loss"] == ""


def test_a_row_of_seeds_holds_their_mean():
    seeds = [TEST, sample(1), sample(2)]
    alone = [row("", [s]).figures["auroc"].value for s in seeds]
    assert row("", seeds).figures["auroc"].value == pytest.approx(np.mean(alone))


def test_a_row_on_other_videos_is_refused():
    with pytest.raises(UsageError, match="MLP: expected figures of the 30 test videos, found 20"):
        built([row("MLP", [TEST[:20]])])


def test_write_leaves_both_forms(tmp_path):
    tables.write(tmp_path / "new", "encoders", built())
    assert (tmp_path / "new" / "encoders.md").read_text() == tables.markdown(built())
    assert (tmp_path / "new" / "encoders.csv").read_text() == tables.to_csv(built())


@pytest.mark.parametrize("prior", [0.3, 0.5, 0.78])
def test_always_win_answers_win_whatever_the_prior(prior):
    found = built([], prior=prior).rows[-1].figures
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert found["f1"].value == pytest.approx(0.8)
    assert found["brier"].value == pytest.approx((2 * (1 - prior) ** 2 + prior**2) / 3)


def test_always_win_on_the_published_test_set():
    said = {"subject": "p", "win": 0.5, "logit": 0.0, "seconds": 9.0}
    test = [Prediction(id=str(i), label=int(i < 56), **said) for i in range(104)]
    flags = {"subject_disjoint": True, "simulated": False, "resamples": FEW}
    found = tables.table("t", [], test, prior=192 / 245, **flags).rows[-1].figures
    assert found["accuracy"].value == pytest.approx(0.5385, abs=5e-5)
    assert (found["balanced_accuracy"].value, found["auroc"].value) == (0.5, 0.5)
    assert found["f1"].value == pytest.approx(2 * 56 / (56 + 104))
    assert found["calibration_error"].value == pytest.approx(192 / 245 - 56 / 104)
    silent = tables.table("t", [], test, **flags).rows[-1].figures
    assert all((name in silent) == (name not in tables.OF_PROBABILITY) for name in tables.METRICS)
