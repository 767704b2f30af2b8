"""A finished run is not trained again, and another recipe does not continue it."""

import msgspec
import numpy as np
import pytest

from stream.errors import UsageError
from training import config
from training.config import Compute
from training.corpus.protocols import own_split
from training.corpus.readers.importing import Source, Video, bring
from training.data.materials import from_corpus, from_simulator
from training.learning import runs
from training.learning.loop import observed
from training.simulator import as_corpus
from training.simulator.behaviour import DEMO
from training.simulator.recordings import simulate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def materials(tiny_recipe):
    return from_simulator(tiny_recipe)


def test_a_finished_run_is_not_trained_again(tiny_recipe, materials, tmp_path):
    runs.run(tiny_recipe, tmp_path, materials)
    with observed(lambda *_: pytest.fail("trained again")):
        runs.run(tiny_recipe, tmp_path, materials)


def test_another_recipe_does_not_continue_it(tiny_recipe, materials, tmp_path):
    runs.run_pretrain(tiny_recipe, tmp_path, materials)
    other = msgspec.structs.replace(tiny_recipe, seed=1)
    with pytest.raises(UsageError, match="expected the recipe that this run began with"):
        runs.run_pretrain(other, tmp_path, materials)
    # What does not change the result may change on the way.
    faster = msgspec.structs.replace(tiny_recipe, compute=Compute(threads=1, workers=1, save_every=50))
    runs.run_pretrain(faster, tmp_path, materials)


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
