"""OpenPose points on the grid: rates, what was not seen, the steady box, cuts."""

from dataclasses import replace

import numpy as np
import pytest

from stream.bundle.manifest import Window
from stream.errors import UsageError
from stream.window.grid import Grid
from training.corpus.readers.skeletons import recording_of, steady_box
from training.corpus.recording import inputs
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate


def frames_of(count: int) -> np.ndarray:
    """A person whose nose's x says which frame it is; hands were never seen."""
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.uniform(200, 400, (1, 137, 3)).astype(np.float32), count, axis=0)
    frames[..., 2] = 0.8
    frames[:, 0, 0] = 100 + np.arange(count)
    frames[:, 95:] = 0
    return frames


def made(frames, rate=25.0, **more):
    return recording_of(frames, rate, label=1, subject="7", provenance="a test", **more)


@pytest.mark.parametrize("rate", [24.0, 25.0, 29.97, 50.0, 60.0])
def test_frames_go_where_the_live_grid_puts_them(rate):
    frames = frames_of(200)
    recording = made(frames, rate)
    grid, expected = Grid(25.0), {}
    for i in range(200):
        tick = grid.claim(i / rate)
        if tick is not None:
            expected[tick] = i
    assert recording.ticks == max(expected) + 1
    assert np.flatnonzero(recording.present).tolist() == sorted(expected)
    for tick, i in expected.items():
        assert recording.points[tick, 0, 0] == 100 + i
    assert len(recording.feature_mask) == -(-recording.ticks // 5)
    assert abs(recording.ticks / 25 - 200 / rate) < 0.1


def test_what_openpose_did_not_see_is_invalid():
    frames = frames_of(30)
    frames[3] = 0
    frames[4, 5] = 0
    frames[5, 6, 2] = 0  # places without confidence
    frames[6, 7, :2] = 0  # confidence without a place
    frames[7, 8, 1] = np.nan
    recording = made(frames)
    assert not recording.present[3]
    assert recording.present.sum() == 29
    assert not recording.valid[:, 95:].any()
    assert not recording.valid[[4, 5, 6], [5, 6, 7]].any()
    assert recording.valid[7, 8]  # left for the corpus to count
    assert np.isnan(recording.points[7, 8]).all()
    assert np.isfinite(recording.boxes).all()
    assert recording.llr is None
    assert recording.features is None


def test_the_box_is_steady_and_holds_body_and_face():
    frames = frames_of(100)
    frames[:, 95:] = (5000, 5000, 0.9)  # hands are not asked
    frames[::20, 10, :2] = (3000, 2)  # nor is a point that is off now and then
    recording = made(frames)
    assert (recording.boxes == recording.boxes[0]).all()
    x0, y0, x1, y1 = recording.boxes[0]
    assert 80 < x0 < 110  # nose from 100 to 200, its tenth 110, less the margin
    assert 160 < y0 < 200
    assert 400 < x1 < 450
    assert 400 < y1 < 430
    nobody = np.zeros((4, 137), np.bool_)
    assert steady_box(frames[:4, :, :2], nobody).tolist() == [0, 0, 0, 0]


def test_segments_follow_their_frames():
    recording = made(frames_of(48), 24.0, segments=np.arange(48) // 24 + 1)
    assert recording.ticks == 50
    assert recording.segments[:25].tolist() == [1] * 25
    assert recording.segments[25:].tolist() == [2] * 25


def released(seed, seconds=30.0):
    """What a release holds of a simulated person in one shot: x, y, confidence; zeros where not seen."""
    person = simulate(PROFILES["demo"], seed % 2, seconds, seed)
    seen = person.valid & person.present[:, None]
    assert person.segments[-1] == 1
    return np.concatenate([person.points, np.ones((*seen.shape, 1))], -1).astype(np.float32) * seen[..., None]


def offsets(recording):
    """Largest displacement against t−8, t−16, t−24 of every tick."""
    groups, _ = inputs(recording, Window(poses=4000, features=800))
    return np.abs(groups["face"].reshape(recording.ticks, 70, 8)[..., 2:]).max((1, 2))


@pytest.mark.parametrize("seed", range(3))
def test_another_camera_is_a_cut_and_no_displacement(seed):
    frames = released(seed)
    usual = offsets(made(frames)).max()
    frames[400:, :, :2] = np.where(frames[400:, :, 2:] > 0, 0.7 * frames[400:, :, :2] + (310, 150), 0)
    frames[395:400] = 0  # OpenPose often loses the picture at a cut
    recording = made(frames)
    assert np.flatnonzero(np.diff(recording.segments)).tolist() == [399]
    assert offsets(recording).max() < 1.5 * usual
    assert not offsets(recording)[400:408].any()
    whole = inputs(
        replace(recording, segments=np.ones_like(recording.segments)), Window(poses=4000, features=800)
    )
    assert np.abs(whole[0]["face"].reshape(recording.ticks, 70, 8)[400:424, :, 2:]).max() > 3 * usual


@pytest.mark.parametrize("seed", range(3))
def test_motion_is_no_cut(seed):
    frames = released(seed)
    recording = made(frames)
    assert (recording.segments == 1).all()
    box = recording.boxes[0]
    head = [0, *range(15, 19), *range(25, 95)]
    frames[300:, head, 0] += 0.12 * (box[2] - box[0])  # the head is thrown aside within a tick
    frames[500:, 4:5] = 0  # a hand goes out of sight
    assert (made(frames * (frames[..., 2:] > 0)).segments == 1).all()


def test_zooming_is_a_cut():
    frames = released(1)
    middle = frames[200, frames[200, :, 2] > 0, :2].mean(0)
    frames[200:, :, :2] = np.where(frames[200:, :, 2:] > 0, middle + 1.5 * (frames[200:, :, :2] - middle), 0)
    assert np.flatnonzero(np.diff(made(frames).segments)).tolist() == [199]


def test_nothing_and_no_pixels():
    empty = made(np.zeros((0, 137, 3), np.float32))
    assert empty.ticks == 0
    assert empty.boxes.shape == (0, 4)
    assert not made(np.zeros((30, 137, 3), np.float32)).present.any()
    frames = frames_of(10)
    frames[..., :2] /= 1280
    with pytest.raises(UsageError, match=r"in frame pixels, found none above 2; .*--keypoint_scale 0"):
        made(frames)
