"""Cuts: what happens within a shot is none, another shot is one."""

import numpy as np
import pytest
from made_up_shots import shot

from stream.frontend.cuts import CutDetector


@pytest.mark.parametrize("change", ["noise", "flash", "exposure", "motion", "pan"])
def test_what_happens_within_a_shot_is_no_cut(change: str) -> None:
    image = shot(3)
    rng = np.random.default_rng(0)
    changed = {
        "noise": np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8),
        "flash": np.clip(image * 1.5 + 90, 0, 255).astype(np.uint8),
        "exposure": (image * 0.6).astype(np.uint8),
        "motion": image.copy(),
        "pan": np.roll(image, 16, axis=1),
    }
    changed["motion"][100:300, 200:400] = 90  # somebody leans into a third of the picture
    cuts = CutDetector()
    assert not cuts.push(image)
    assert not cuts.push(changed[change])
    assert not cuts.push(image)


def test_shots_and_black_frames_are_cuts() -> None:
    cuts = CutDetector()
    sequence = [shot(0), shot(1), np.zeros_like(shot(0)), np.zeros_like(shot(0)), shot(2)]
    assert [cuts.push(image) for image in sequence] == [False, True, True, False, True]
