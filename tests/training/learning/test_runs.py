import numpy as np
import pytest
from msgspec import structs
from typer.testing import CliRunner

from stream.bundle.manifest import Window
from training import config
from training.__main__ import app, main
from training.corpus.protocols import own_split
from training.corpus.readers.importing import Source, Video, bring
from training.data.films import behaviour_changes
from training.data.materials import from_corpus, from_simulator
from training.learning import runs
from training.simulator import as_corpus
from training.simulator.behaviour import DEMO
from training.simulator.portraits import performance_of, with_portraits
from training.simulator.recordings import simulate

pytestmark = pytest.mark.slow


def test_portraits_show_what_the_points_do():
    recording = simulate(DEMO, 1, 8.0, 21)
    acted = performance_of(DEMO, recording, 8.0, 21)
    # The same events: what nobody saw says nothing, the rest agrees to the last step.
    steps, seen = np.diff(acted.llr, prepend=np.float32(0)), recording.present
    assert np.allclose(np.cumsum(steps * seen), recording.llr, atol=1e-3)

    def encode(crops):
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == (126, 126, 3)
        return crops.reshape(len(crops), -1)[:, ::5000].astype(np.float32)

    shown = with_portraits(recording, acted, Window(), 21, encode)
    assert shown.features.shape == (40, 10)
    assert np.array_equal(shown.feature_mask, recording.present[::5])
    assert np.ptp(shown.features[shown.feature_mask], axis=0).max() > 0


@pytest.mark.parametrize(("parts", "changes"), [("win:60", False), ("loss:20.04,win:39.96", True)])
def test_a_film_says_whether_its_behaviour_changes(parts, changes):
    said = f"warped portrait, profile demo, parts {parts}, seed 3; made-up people"
    assert behaviour_changes(said) is changes
    assert not behaviour_changes(simulate(DEMO, 1, 2.0, 1).provenance)


def test_every_command_explains_itself():
    for command in ("run", "pretrain", "finetune", "deliver", "demo"):
        done = CliRunner().invoke(app, [command, "--help"])
        assert done.exit_code == 0
        assert "Example: undertone-training" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "huge", "--out", "x"], "huge: expected a recipe"),
        (["deliver", "nowhere", "--out", "x"], "expected a checkpoint"),
        (["curves", "/dev/null/run"], "expected a run"),
        (
            ["corpus", "simulate", "a", "--recordings", "1", "--out", "/dev/null/a"],
            "/dev/null/a/recordings: expected to read or write it",
        ),
    ],
)
def test_errors_are_one_sentence(arguments, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["undertone-training", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_held_out_people_have_faces_where_the_trained_ones_have():
    recipe = config.load("tiny")
    data = structs.replace(
        recipe.data, recordings=2, unlabelled=1, held_out=3, seconds=4.0, portraits=2, texts=4, easier=""
    )
    recipe = structs.replace(recipe, data=data)
    encode = lambda crops: np.ones((len(crops), recipe.model.image_features), np.float32)  # noqa: E731
    pools = from_simulator(recipe, encode=encode).pools
    assert [bool(p.feature_mask.any()) for p in pools.held_out] == [True, True, False]
    assert [bool(p.feature_mask.any()) for p in pools.labelled] == [True, True]


def test_short_learns_from_videos_of_ten_seconds_to_a_minute(tmp_path):
    """Everything of the recipe but its sizes and the number of steps."""
    about = as_corpus.source("brief", profile="demo").about
    lengths = np.linspace(10.0, 60.0, 12)
    videos = [
        Video(f"v{i:02d}", lambda i=i: (simulate(DEMO, i % 2, lengths[i // 2], i), 25.0, ""))
        for i in range(24)
    ]
    store = bring(Source(about, videos, own_split), tmp_path / "corpus")
    sizes = [f"model.keypoints.{key}={n}" for key, n in (("dim", 16), ("heads", 1), ("feedforward", 32))]
    few = [f"{stage}.{key}=2" for stage in ("pretrain", "finetune") for key in ("steps", "batch")]
    machine = ["compute.workers=0", "compute.precision=no", "compute.threads=1"]
    more = [
        "model.image.dim=16",
        'data.branches=["keypoints"]',
        "model.out=16",
        "model.hidden=16",
        "calibrating.windows=16",
    ]
    recipe = config.load("short", [*sizes, *few, *machine, *more])
    run = runs.run(recipe, tmp_path / "run", from_corpus(recipe, store))
    assert list(run.about["calibration"]["knots_s"]) == [1.0, 2.0, 5.0, 10.0]
