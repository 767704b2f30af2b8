"""The picture of a corpus is drawn, of an empty one too."""

from dataclasses import replace

import cv2
import numpy as np

from stream.bundle.manifest import Extractor
from training.corpus.check import report
from training.corpus.drawing import draw
from training.corpus.store import About
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate

ABOUT = About(
    name="made-up", provenance="a test", licence="Apache-2.0", simulated=True,
    extractors={"keypoints": Extractor(name="simulator", sha256="none")},
)  # fmt: skip


def made(seed, seconds=2.0, **changes):
    recording = simulate(PROFILES["standard"], seed % 2, seconds, seed)
    valid = np.ones_like(recording.valid)
    present = np.ones_like(recording.present)
    return replace(recording, valid=valid, present=present, points=recording.points + 1, **changes)


def test_the_picture_is_drawn(store, tmp_path):
    draw(report(store), tmp_path / "corpus.png")
    picture = cv2.imread(str(tmp_path / "corpus.png"))
    assert picture.shape[0] > 600
    assert picture.std() > 20
