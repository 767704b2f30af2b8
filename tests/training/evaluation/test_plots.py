import subprocess
import sys

import cv2
import numpy as np
import pytest

from stream.errors import UsageError
from training.evaluation import plots
from training.evaluation.intervals import Interval, Point
from training.evaluation.reliability import diagram

RNG = np.random.default_rng(0)
WIN = RNG.random(200)
BINS = diagram(WIN, (RNG.random(200) < WIN).astype(float))
LINE = [Point(x, Interval(0.5 + x / 4, 0.45 + x / 4, 0.55 + x / 4), 9) for x in (0.5, 0.75, 1.0)]
LOG = [
    {"stage": "corpus", "recordings": 3},
    *({"stage": "first", "step": k, "loss": 1 / k} for k in (1, 2, 3)),
    *({"stage": "second", "step": k, "loss": 1 / k, "validation": {"auroc": k / 4}} for k in (1, 2, 3)),
    {"stage": "calibration", "slope": 1.0},
]
FIRST, SECOND = LINE[0].figure, LINE[1].figure
DRAW = {
    "reliability": lambda path: plots.reliability(path, {"a": BINS, "b": BINS[1:]}),
    "anytime": lambda path: plots.anytime(path, {"a": LINE, "b": LINE[:2]}, "accuracy", ceiling=LINE),
    "noise": lambda path: plots.accuracy_vs_noise(path, {"a": LINE, "b": LINE}, "accuracy", without=FIRST),
    "forest": lambda path: plots.forest(path, {"a": FIRST, "b": SECOND}, "accuracy", reference=0.54),
    "learning": lambda path: plots.learning_curves(path, LOG, validation="auroc"),
}


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is drawn."""
    made = []

    class Kept(plots.Figure):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(plots, "Figure", Kept)
    return made


@pytest.mark.parametrize("name", DRAW)
def test_a_picture_is_whole_and_the_same_each_time(tmp_path, name):
    for file in ("one.png", "two.png"):
        DRAW[name](tmp_path / file)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "two.png"]
    picture = cv2.imread(str(tmp_path / "one.png"))
    for colour in plots.COLOURS[: 1 if name == "forest" else 2]:
        bgr = [int(colour[i : i + 2], 16) for i in (5, 3, 1)]
        assert (picture == bgr).all(2).sum() > 50, colour


@pytest.mark.parametrize("name", DRAW)
def test_every_panel_says_what_it_shows(tmp_path, figures, name):
    DRAW[name](tmp_path / "p.png")
    shown = [axes for axes in figures[0].axes if axes.get_visible()]
    assert shown
    for axes in shown:
        assert axes.get_ylabel() or name == "forest"
    assert shown[-1].get_xlabel()


def test_lines_and_bands_lie_where_the_figures_are(tmp_path, figures):
    DRAW["anytime"](tmp_path / "p.png")
    (axes,) = figures[0].axes
    by_label = {line.get_label(): line for line in axes.lines}
    assert by_label["a"].get_xydata().tolist() == [[p.at, p.figure.value] for p in LINE]
    assert by_label["ceiling (best possible)"].get_linestyle() == "--"
    (box,) = axes.collections[0].get_paths()
    assert box.get_extents().extents == pytest.approx([0.5, 0.575, 1.0, 0.8])


def test_noise_is_in_percent_with_the_line_without(tmp_path, figures):
    DRAW["noise"](tmp_path / "p.png")
    (axes,) = figures[0].axes
    by_label = {line.get_label(): line for line in axes.lines}
    assert by_label["a"].get_xdata() == pytest.approx([50, 75, 100])
    assert set(by_label["without weak supervision"].get_ydata()) == {FIRST.value}


def test_learning_curves_show_each_stage_that_learns(tmp_path, figures):
    DRAW["learning"](tmp_path / "p.png")
    shown = [axes for axes in figures[0].axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == ["first", "second", ""]
    assert shown[-1].lines[0].get_xydata().tolist() == [[k, k / 4] for k in (1, 2, 3)]


def test_a_number_is_the_loss_on_the_held_out_fold(tmp_path, figures):
    log = [{"stage": "s", "step": k, "loss": 1.0, "validation": k / 4} for k in (1, 2)]
    plots.learning_curves(tmp_path / "p.png", log)
    assert figures[0].axes[1].lines[0].get_ydata().tolist() == [0.25, 0.5]
    assert figures[0].axes[1].get_ylabel() == "held-out\nloss"


def test_a_log_without_losses_is_refused(tmp_path):
    with pytest.raises(UsageError, match="stage, step and loss"):
        plots.learning_curves(tmp_path / "p.png", LOG[:1])
    assert not list(tmp_path.iterdir())


def test_undefined_bounds_are_left_out(tmp_path, figures):
    holes = [Point(0.0, Interval(), 0), *LINE, Point(2.0, Interval(0.5), 9)]
    plots.anytime(tmp_path / "p.png", {"a": holes}, "accuracy", chance=None)
    (axes,) = figures[0].axes
    (line,) = axes.lines
    assert line.get_xydata()[1:].tolist() == [[p.at, p.figure.value] for p in holes[1:]]
    assert np.isnan(line.get_ydata()[0]), "a figure that is undefined has no point"
    (band,) = axes.collections[0].get_paths()
    assert band.get_extents().extents == pytest.approx([0.5, 0.575, 1.0, 0.8]), (
        "the band ends where bounds do"
    )


def test_a_forest_says_what_is_undefined(tmp_path, figures):
    rows = {"a": Interval(), "b": Interval(0.5), "c": Interval(0.5, 0.4, 0.6)}
    plots.forest(tmp_path / "q.png", rows, "accuracy")
    (axes,) = figures[0].axes
    assert [text.get_text() for text in axes.texts] == ["undefined", "0.500", "0.500  [0.400, 0.600]"]


def test_the_figures_need_no_plotting():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from training.evaluation import anytime, intervals, metrics, predictions, prior\n"
        "from training.evaluation import reliability, tables, voting\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr
