"""The window against a plain list, and offsets against a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.bundle.manifest import Window as Spec
from stream.records import Portrait, Pose
from stream.skeleton import COUNT, GROUPS
from stream.window.offsets import features_of
from stream.window.pose_rows import PoseRows
from stream.window.window import Window

SMALL = Spec(poses=40, features=8, stride=5, offsets=(2, 4, 6))


def pose(rng: np.random.Generator, share: float = 0.8) -> Pose:
    valid = rng.random(COUNT) < share
    points = rng.uniform(0, 500, (COUNT, 2)).astype(np.float32)
    points[~valid] = 0
    return Pose(points, valid)


def portrait(rng: np.random.Generator, *, cut: bool = False) -> Portrait:
    x, y = rng.uniform(0, 50, 2)
    return Portrait((x, y, x + rng.uniform(100, 400), y + rng.uniform(100, 400)), 1.0, cut)


def reference_row(
    history: dict[int, tuple[Portrait, Pose, int]], tick: int, offsets: tuple[int, ...]
) -> np.ndarray:
    """The eight values of every point by the plainest loop."""
    if tick not in history:
        return np.zeros((COUNT, 2 + 2 * len(offsets)), np.float32)
    box, (points, valid), segment = (
        history[tick][0].box,
        (history[tick][1].points, history[tick][1].valid),
        history[tick][2],
    )
    width, height = max(box[2] - box[0], 1), max(box[3] - box[1], 1)
    row = np.zeros((COUNT, 2 + 2 * len(offsets)))
    for k in range(COUNT):
        if not valid[k]:
            continue
        row[k, 0] = (points[k, 0] - box[0]) / width
        row[k, 1] = (points[k, 1] - box[1]) / height
        for i, back in enumerate(offsets):
            other = history.get(tick - back)
            if other is None or other[2] != segment or not other[1].valid[k]:
                continue
            row[k, 2 + 2 * i] = (points[k, 0] - other[1].points[k, 0]) / width
            row[k, 3 + 2 * i] = (points[k, 1] - other[1].points[k, 1]) / height
    return row.astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from(["ok", "ok", "ok", "gap", "absent", "cut"]), min_size=1, max_size=90),
)
def test_window_equals_a_plain_list(seed: int, story: list[str]) -> None:
    rng = np.random.default_rng(seed)
    window = Window(SMALL)
    history: dict[int, tuple[Portrait, Pose, int]] = {}
    tick, segment, first = -1, 0, None
    for what in story:
        tick += 1
        if what == "gap":
            continue
        if first is None:
            first = tick
        if what == "absent":
            window.push(tick, None, None)
            continue
        segment += what == "cut"
        here, seen = portrait(rng, cut=what == "cut"), pose(rng)
        window.push(tick, here, seen, segment + 1)
        if seen.valid.any():
            history[tick] = (here, seen, segment)
    if window.newest < 0:
        return
    view = window.read(window.newest)
    ticks = range(window.newest - SMALL.poses + 1, window.newest + 1)
    expected = np.stack([reference_row(history, t, SMALL.offsets) for t in ticks])
    for name, group in GROUPS.items():
        np.testing.assert_allclose(view.groups[name], expected[:, group].reshape(SMALL.poses, -1), atol=1e-6)
        mask = [t in history and bool(history[t][1].valid[group].any()) for t in ticks]
        assert view.masks[name].tolist() == mask
    assert first is not None
    filled = [t for t in ticks if t >= first]
    present = [t in history for t in filled]
    assert view.figures.keypoints == pytest.approx(len(filled) / SMALL.poses)
    assert view.figures.coverage == pytest.approx(sum(present) / len(filled))
    runs = "".join("1" if p else "0" for p in present).split("1")
    assert view.figures.largest_gap_s == pytest.approx(max(map(len, runs)) / 25)


def test_widths_are_the_papers() -> None:
    spec = Spec()
    assert spec.widths == {"body": 200, "face": 560, "hands": 336}
    assert spec.poses / spec.rate == spec.features * spec.stride / spec.rate == 160


def test_motion_of_the_box_is_not_motion_of_the_person() -> None:
    rng = np.random.default_rng(0)
    seen = Pose(rng.uniform(0, 99, (COUNT, 2)).astype(np.float32), np.ones(COUNT, np.bool_))
    window = Window(SMALL)
    for tick in range(10):
        window.push(tick, Portrait((tick * 7.0, 0, tick * 7.0 + 100, 100), 1.0), seen)
    last = window.read(9).groups["face"][-1].reshape(70, 8)
    assert np.abs(last[:, 2:]).max() == 0
    assert np.abs(last[:, 0]).max() > 0


def test_vectorised_over_ticks_equals_tick_by_tick() -> None:
    rng = np.random.default_rng(1)
    window = Window(SMALL)
    poses, boxes = [pose(rng) for _ in range(20)], [portrait(rng) for _ in range(20)]
    for tick in range(20):
        window.push(tick, boxes[tick], poses[tick])
    points, valid = np.stack([p.points for p in poses]), np.stack([p.valid for p in poses])
    partners = []
    for back in SMALL.offsets:
        shifted, shifted_valid = np.roll(points, back, 0), np.roll(valid, back, 0)
        shifted_valid[:back] = False
        partners.append((shifted, shifted_valid))
    values, _ = features_of(np.array([b.box for b in boxes], np.float32), points, valid, partners)
    body = window.read(19).groups["body"][-20:]
    np.testing.assert_allclose(body, values[:, GROUPS["body"]].reshape(20, -1), atol=1e-6)


def test_features_keep_the_first_of_a_slot_and_gaps_stay_masked() -> None:
    window = Window(SMALL, feature_dim=3)
    rng = np.random.default_rng(0)
    for tick in range(60):
        window.push(tick, portrait(rng), pose(rng))
        if tick % 5 == 0 and tick != 25:
            window.put_feature(tick // 5, np.full(3, tick, np.float32))
    window.put_feature(11, np.full(3, -1, np.float32))  # slot 11 has tick 55's already
    view = window.read(59)
    assert view.features[:, 0].tolist() == [20, 0, 30, 35, 40, 45, 50, 55]
    assert view.feature_mask.tolist() == [True, False] + [True] * 6
    with pytest.raises(ValueError, match="must not go back"):
        window.put_feature(3, np.zeros(3, np.float32))


def test_reading_an_older_tick_sees_nothing_newer() -> None:
    rng = np.random.default_rng(2)
    ahead, behind = Window(SMALL), Window(SMALL)
    for tick in range(50):
        here, seen = portrait(rng), pose(rng)
        ahead.push(tick, here, seen)
        if tick <= 44:
            behind.push(tick, here, seen)
    for name in GROUPS:
        np.testing.assert_array_equal(ahead.read(44).groups[name], behind.read(44).groups[name])
    assert ahead.intact(44)


def test_a_read_is_void_once_the_fast_lane_is_far_ahead() -> None:
    window = Window(SMALL)
    window.push(0, None, None)
    window.push(10_000, None, None)
    assert not window.intact(0)


def test_an_empty_window_reads_as_nothing() -> None:
    window = Window(SMALL, feature_dim=2)
    window.push(0, None, None)
    view = window.read(0)
    assert not any(mask.any() for mask in view.masks.values())
    assert not view.feature_mask.any()
    assert view.figures.coverage == 0
    assert not window.seen(0, 50)


def test_reset_forgets() -> None:
    rng = np.random.default_rng(3)
    window = Window(SMALL, feature_dim=2)
    for tick in range(30):
        window.push(tick, portrait(rng), pose(rng))
    window.put_feature(5, np.ones(2, np.float32))
    window.reset()
    window.push(3, None, None)
    view = window.read(3)
    assert not any(values.any() for values in view.groups.values())
    assert not view.feature_mask.any()


def test_ticks_must_increase() -> None:
    window = Window(SMALL)
    window.push(5, None, None)
    with pytest.raises(ValueError, match="ticks must increase"):
        window.push(5, None, None)


def test_a_row_that_is_being_overwritten_is_not_intact(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leap of the media clock empties thousands of rows before the newest tick moves on."""
    window = Window(SMALL)
    window.push(0, None, None)
    during = []
    clear = PoseRows.clear

    def watched(self: PoseRows, first: int, last: int, scene: int) -> None:
        during.append(window.intact(0))
        clear(self, first, last, scene)

    monkeypatch.setattr(PoseRows, "clear", watched)
    window.push(10_000, None, None)
    assert during
    assert not any(during)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_point_that_is_no_number_is_invalid_and_nothing_else(bad: float) -> None:
    rng = np.random.default_rng(5)
    spoiled, clean = Window(SMALL), Window(SMALL)
    for tick in range(30):
        here, seen = portrait(rng), pose(rng)
        points, valid = seen.points.copy(), seen.valid.copy()
        if tick == 10:
            points[3, 1], valid[3] = bad, True
        spoiled.push(tick, here, Pose(points, valid))
        without = valid.copy()
        if tick == 10:
            without[3] = False
        clean.push(tick, here, Pose(np.where(without[:, None], seen.points, np.float32(0)), without))
    found, expected = spoiled.read(29), clean.read(29)
    for name in GROUPS:
        assert np.isfinite(found.groups[name]).all()
        np.testing.assert_array_equal(found.groups[name], expected.groups[name])
        np.testing.assert_array_equal(found.masks[name], expected.masks[name])


def test_a_box_or_a_feature_that_is_no_number_is_a_gap() -> None:
    rng = np.random.default_rng(6)
    window = Window(SMALL, 3)
    window.push(0, Portrait((0.0, 0.0, float("nan"), 50.0), 1.0), pose(rng))
    window.push(1, portrait(rng), pose(rng))
    window.put_feature(0, np.array([1.0, np.nan, 0.0], np.float32))
    view = window.read(1)
    assert not view.feature_mask.any()
    assert np.isfinite(view.features).all()
    assert view.figures.coverage == 0.5
