"""Every action is a smooth displacement field with a name of its own."""

import numpy as np
import pytest

from training.simulator.actions import ACTIONS, displacement


def test_action_names_are_unique():
    assert len({a.name for a in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.name)
def test_fields_are_smooth_and_about_one_unit(action):
    grid = np.stack(np.meshgrid(np.linspace(-4, 4, 161), np.linspace(-3, 6, 181)), -1).astype(np.float32)
    moved = displacement(action, grid)
    assert 0.7 < np.linalg.norm(moved, axis=-1).max() < 1.7
    step = max(np.abs(np.diff(moved, axis=0)).max(), np.abs(np.diff(moved, axis=1)).max())
    assert step / 0.05 < 12  # a steeper field would fold the picture at the amplitudes in use
