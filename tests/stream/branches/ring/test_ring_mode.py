"""The ring behind the window: the same numbers whenever they are asked for, and what a cut does to them."""

import copy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from front_end_stand_in import StandIn
from msgspec import structs

from stream.branches import snapshots
from stream.branches.calibration import calibrated
from stream.branches.ring_mode import RingMode
from stream.bundle.load import Bundle
from stream.cli import watch
from stream.cli.checks import speed
from stream.cli.options import ModelOptions, WatchOptions
from stream.errors import UsageError
from stream.records import Estimate, Floats, Frame, Portrait, Pose
from stream.runtime.analyzer import Analyzer
from stream.skeleton import COUNT
from stream.window.window import Window

pytestmark = pytest.mark.slow

BOX = (80.0, 80.0, 200.0, 210.0)
PICTURES = np.random.default_rng(0).integers(0, 255, (8, 240, 320, 3), dtype=np.uint8)


class MadeUp(StandIn):
    """Stands in for the front end: a person who moves by a fixed rule, away and cut as the story says."""

    def __init__(self, away: Callable[[int], bool] = lambda index: False, cuts: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.away, self.cuts = away, cuts

    def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        if self.away(frame.index):
            return None, None
        return Portrait(BOX, 1.0, cut=frame.index in self.cuts), pose(frame.index)


def pose(index: int) -> Pose:
    rng = np.random.default_rng(index)
    valid = rng.random(COUNT) < 0.9
    return Pose((100 + 80 * rng.random((COUNT, 2)) * valid[:, None]).astype(np.float32), valid)


def frames(n: int, first: int = 0) -> list[Frame]:
    return [Frame(i, 7.0 + i / 25, float(i), PICTURES[i % 8]) for i in range(first, n)]


def analyzer(bundle: Bundle, front: MadeUp | None = None, **options: Any) -> Analyzer:
    """One of its own: analyzers that share a story do not share its scenes."""
    return Analyzer(bundle, copy.deepcopy(front or MadeUp()), **{"mode": "ring", **options})


def close(a: Estimate, b: Estimate, within: float = 2e-6) -> None:
    assert (a.state, a.reason, a.pts, a.window.valid_s) == (b.state, b.reason, b.pts, b.window.valid_s)
    assert a.win == pytest.approx(b.win, abs=within)
    assert a.branches.keys() == b.branches.keys()
    for name, value in a.branches.items():
        assert value == (None if b.branches[name] is None else pytest.approx(b.branches[name], abs=within))


def test_an_estimate_is_the_batch_of_everything_seen(both: Bundle, plain: Any, pictures: Any) -> None:
    """No ring, grid or queue on the other side: the modules over the whole clip."""
    live = analyzer(both, MadeUp(lambda i: 30 <= i < 53))
    wide = Window(structs.replace(live.spec, poses=400, features=80), 16)
    ticks = 327
    for frame in frames(ticks):
        live.observe(frame)
        if frame.index % 5 == 4:
            live.estimate()
        seen = live._front_end.push(frame)
        wide.push(frame.index, seen.portrait, seen.pose)
    estimate = live.estimate()
    values, mask, _ = wide.rows_of(0, ticks - 1)
    features, there, _ = live.window.slots_of(0, ticks // 5)
    assert there.sum() == 66 - 4 and ticks // 5 == 65  # noqa: PT018
    temporal, vectors = live._temporal, {}
    for name, small, rows, masks in (
        ("keypoints", plain, values, mask),
        ("image", pictures, [features], there[None]),
    ):
        with torch.no_grad():
            mean, present = small.batch([np.array(v) for v in rows], np.array(masks))
            vectors[name] = small.branch.read(
                torch.from_numpy(mean[-1:]), torch.from_numpy(present[-1:])
            ).numpy()
    valid_s = live.window.figures(ticks - 1).valid_s
    expected = calibrated(temporal.mode.calibration, temporal.fuse(vectors), vectors, valid_s, live.prior)
    assert estimate.win == pytest.approx(expected, abs=2e-6)
    full = analyzer(both, MadeUp(lambda i: 30 <= i < 53), mode="full")
    for frame in frames(ticks):
        full.observe(frame)
    other = full.estimate()
    assert (other.state, other.window.valid_s) == (estimate.state, estimate.window.valid_s)
    assert other.win != pytest.approx(estimate.win, abs=1e-4)


def test_the_same_ticks_say_the_same_whenever_they_are_asked(both: Bundle) -> None:
    """A file at any hop, and live, where work is done between estimates as it comes."""
    once, often, live = (analyzer(both, MadeUp(lambda i: i % 50 < 9)) for _ in range(3))
    for frame in frames(283):
        for each in (once, often, live):
            each.observe(frame)
        if frame.index % 7 == 3:
            often.estimate()
        if frame.index % 4 == 1:
            live.keep_up(frame.index)
    close(once.estimate(), often.estimate())
    close(once.estimate(), live.estimate())


def test_reset_makes_it_as_new(both: Bundle) -> None:
    used, new = analyzer(both), analyzer(both)
    for frame in frames(170):
        used.observe(frame)
    used.estimate()
    used.reset()
    for frame in frames(60):
        used.observe(frame)
        new.observe(frame)
    assert used.estimate().win == new.estimate().win


def test_ticks_do_not_go_back(both: Bundle) -> None:
    live = analyzer(both)
    for frame in frames(30):
        live.observe(frame)
    live.estimate(20)
    with pytest.raises(ValueError, match="ticks must not go back: expected 20 or more, found 19"):
        live.estimate(19)


def test_ticks_that_were_overwritten_are_a_gap_and_said(both: Bundle) -> None:
    late = analyzer(both)
    for frame in frames(740):
        late.observe(frame)
        if frame.index == 39:
            late.estimate()
    # 100 ticks and a reserve of 500 are kept, of which the fast lane may need 250 again at once: since 390.
    assert late.window.oldest == 390
    late.estimate(470)
    assert late._temporal.has_missed(470 - 100)
    assert late.estimate(470).state == "degraded"
    assert "never read" in (late.estimate(470).reason or "")
    late.estimate(500)
    assert not late._temporal.has_missed(500 - 100)


def test_nothing_is_missed_before_the_window_is_full(both: Bundle) -> None:
    """The window then reaches back to before the first tick."""
    young = analyzer(both, mode="ring")
    for frame in frames(30):
        young.observe(frame)
    young.estimate()
    assert both.manifest.window.poses > 30
    assert not young._temporal.has_missed(29 - both.manifest.window.poses)


def test_a_jump_of_the_media_clock_is_no_miss(both: Bundle) -> None:
    live = analyzer(both)
    *some, last = frames(60)
    for frame in some:
        live.observe(frame)
    live.estimate()
    live.observe(replace(last, pts=last.pts + 3600))
    estimate = live.estimate()
    assert not live._temporal.has_missed(0)
    assert estimate.win is not None
    new = analyzer(both)
    new.observe(last)
    assert estimate.branches["keypoints"] == pytest.approx(new.estimate().branches["keypoints"], abs=2e-6)


# -- gaps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ring", "full"])
def test_what_a_long_absence_has_wiped_out_does_not_count_as_seen(both: Bundle, mode: str) -> None:
    """Missing rows hand nothing on: behind a gap of a whole band nothing is remembered, and nothing said as
    if it were. Full mode reads the whole window, with whatever gaps."""
    spec = both.manifest.modes["ring"].steps["keypoints"].ring
    band = max(spec.bands)
    for gap in (band - 2, band - 1, band + spec.readout):
        away = analyzer(both, MadeUp(lambda i, gap=gap: 40 <= i < 40 + gap), mode=mode)
        new = analyzer(both, mode=mode)
        for frame in frames(40 + gap + 9):
            away.observe(frame)
            if frame.index % 5 == 0:
                away.estimate()
            if frame.index >= 40 + gap:
                new.observe(frame)
        a, b = away.estimate(), new.estimate()
        if mode == "full" or gap < band - 1:
            seen = min(40 + gap + 9, both.manifest.window.poses) - gap
            assert a.window.valid_s == pytest.approx(seen / 25)
            assert a.state == ("ok" if 2 * gap < both.manifest.window.poses else "degraded")
        else:
            assert (a.state, a.window.valid_s) == ("warming", pytest.approx(9 / 25))
            assert b.window.valid_s == a.window.valid_s
        if mode == "ring" and gap == band + spec.readout:  # no row of before is among those read, either
            assert a.branches["keypoints"] == pytest.approx(b.branches["keypoints"], abs=2e-6)


# -- cuts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "ring"])
def test_reset_on_cut_is_as_if_the_stream_began_there(both: Bundle, mode: str) -> None:
    cut = analyzer(both, MadeUp(cuts=(60,)), mode=mode, on_cut="reset")
    kept = analyzer(both, MadeUp(cuts=(60,)), mode=mode)
    new = analyzer(both, mode=mode)
    for frame in frames(60):
        cut.observe(frame)
        kept.observe(frame)
    cut.estimate()
    for frame in frames(95, first=60):
        cut.observe(frame)
        kept.observe(frame)
        new.observe(frame)
        if frame.index in (60, 61, 74):
            a, b = cut.estimate(), new.estimate()
            close(a, b)
            assert a.state == "warming"
    a, b = cut.estimate(), new.estimate()
    close(a, b)
    assert a.window.coverage == b.window.coverage == 1.0
    assert a.window.keypoints == pytest.approx(0.35)
    assert kept.estimate().win != pytest.approx(a.win, abs=1e-4)


def test_a_cut_inside_a_picture_s_slot_leaves_the_older_picture_behind(both: Bundle) -> None:
    """Tick 60 is of the person before, and its picture stands in the slot that 62 falls into."""
    cut = analyzer(both, MadeUp(cuts=(62,)), on_cut="reset")
    for frame in frames(64):
        cut.observe(frame)
    assert cut.estimate().branches["image"] is None
    assert cut.estimate().branches["keypoints"] is not None
    for frame in frames(66, first=64):
        cut.observe(frame)
    assert cut.estimate().branches["image"] is not None


def test_decay_on_cut_lies_between(both: Bundle) -> None:
    said = {}
    for on_cut in ("keep", "decay", "reset"):
        each = analyzer(both, MadeUp(cuts=(90,)), on_cut=on_cut)
        for frame in frames(93):
            each.observe(frame)
        mean, _ = (each.estimate(), each._temporal.rings["keypoints"].read())[1]  # type: ignore[attr-defined]
        said[on_cut] = mean
        assert each._temporal.rings["keypoints"]._readout._counts.sum() == 3 * (25 if on_cut == "keep" else 3)  # type: ignore[attr-defined]
    for one, other in (("keep", "decay"), ("decay", "reset"), ("keep", "reset")):
        assert np.abs(said[one] - said[other]).max() > 1e-3


@pytest.mark.parametrize("on_cut", ["keep", "decay", "reset"])
def test_whenever_it_is_asked_a_cut_is_where_it_is(both: Bundle, on_cut: str) -> None:
    """While somebody is there and while nobody is, at the edge of a picture's slot and within one."""
    story = MadeUp(lambda i: 40 <= i < 62 or 81 <= i < 89, cuts=(20, 73))
    every = {n: analyzer(both, story, on_cut=on_cut) for n in (1, 3, 7, 1000)}
    for frame in frames(97):
        for n, each in every.items():
            each.observe(replace(frame, discontinuity=frame.index in (47, 83)))
            if frame.index % n == n - 1:
                each.estimate()
    once = every.pop(1000).estimate()
    assert once.branches["image"] is not None
    for each in every.values():
        close(once, each.estimate())


def test_a_cut_while_nobody_is_there_is_one_cut(both: Bundle) -> None:
    """The source says so at once, and the next portrait once more."""

    class Owing(MadeUp):
        """As `stream.frontend.subject` does: a cut is told with the next portrait."""

        def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
            self.owed = getattr(self, "owed", False) or frame.discontinuity
            portrait, seen = super().look(frame)
            if portrait is not None:
                portrait, self.owed = replace(portrait, cut=self.owed or portrait.cut), False
            return portrait, seen

    live = analyzer(both, Owing(lambda i: 30 <= i < 40, cuts=(55,)))
    scenes = []
    for frame in frames(60):
        seen = live.observe(replace(frame, discontinuity=frame.index in (20, 35)))
        assert seen is not None
        scenes.append(seen.scene)
    assert [i for i in range(1, 60) if scenes[i] != scenes[i - 1]] == [20, 35, 55]
    assert live.window.scene(59) - live.window.scene(0) == 3


def test_after_a_cut_that_fades_the_scene_before_is_not_read_alone(both: Bundle) -> None:
    """Among rows that fade alike, fading has no effect."""
    live = analyzer(both, MadeUp(lambda i: 60 <= i < 70), on_cut="decay")
    said = {}
    for frame in frames(75):
        live.observe(replace(frame, discontinuity=frame.index == 62))
        said[frame.index] = live.estimate().branches["keypoints"]
    assert None not in (said[59], said[61], said[70])  # seen, just gone, there again
    assert {said[i] for i in range(62, 70)} == {None}


def test_a_cut_while_nobody_is_there_counts_too(both: Bundle) -> None:
    """A new stretch of the source begins while the person is away."""
    story = MadeUp(lambda i: 55 <= i < 70)
    cut = analyzer(both, story, on_cut="reset")
    for frame in frames(66):
        cut.observe(replace(frame, discontinuity=frame.index == 60))
        if frame.index == 59:
            assert cut.estimate().win is not None
    assert cut.estimate().win is None


# -- leaving and coming back -------------------------------------------------------------------------


def followed(temporal: RingMode, window: Window, first: int, last: int, since: int) -> dict[str, Floats]:
    """Vectors at ``last``; of the ticks from ``first`` on, those before ``since`` were followed before."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(200, 16)).astype(np.float32)
    for tick in range(first, last + 1):
        window.push(tick, Portrait(BOX, 1.0), pose(tick))
        if tick % 5 == 0:
            window.put_feature(tick // 5, features[tick // 5])
        if tick >= since:
            temporal.follow(window, tick)
    return temporal.vectors(window.read(last))


def test_a_saved_ring_goes_on_in_another_process(both: Bundle, tmp_path: Path) -> None:
    temporal, window = RingMode(both), Window(both.manifest.window, 16)
    followed(temporal, window, 0, 233, 0)
    temporal.save(tmp_path / "ring.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["ring.npz"]
    expected = followed(temporal, window, 234, 280, 234)
    script = f"""
import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[3])]!r}
from pathlib import Path
from test_ring_mode import RingMode, Window, followed
from stream.bundle.load import load
both = load({str(both.folder)!r})
temporal, window = RingMode(both), Window(both.manifest.window, 16)
temporal.load(Path({str(tmp_path / "ring.npz")!r}), same_ticks=True)
said = followed(temporal, window, 234 - 24, 280, 234)
print(*(f"{{n}} {{v.tobytes().hex()}}" for n, v in said.items()), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = dict(line.split() for line in done.stdout.splitlines())
    assert found == {name: v.tobytes().hex() for name, v in expected.items()}


def test_a_restored_ring_goes_on_with_any_window_s_first_tick(both: Bundle) -> None:
    """As in a process that was started anew: ticks count from 0 or, by chance, from behind the old ones."""
    before = RingMode(both)
    followed(before, Window(both.manifest.window, 16), 0, 233, 0)
    kept, said = before.snapshot(), []
    for first in (0, 235, 5000):  # each begins a slot, so that the same pictures come
        again, window = RingMode(both), Window(both.manifest.window, 16)
        again.restore(kept)
        for tick in range(first, first + 40):
            window.push(tick, Portrait(BOX, 1.0), pose(tick - first))
            if tick % 7 == 0:
                again.follow(window, tick)
        again.follow(window, first + 39)
        assert not again.has_missed(0)
        assert again.memory_start() == first - 234
        said.append(again.vectors(window.read(first + 39)))
    for other in said[1:]:
        assert other.keys() == said[0].keys()
        for name, vector in other.items():
            np.testing.assert_allclose(vector, said[0][name], rtol=0, atol=2e-6)


def test_after_coming_back_a_cut_is_a_cut(both: Bundle) -> None:
    """The new window counts its cuts from its own start, fewer than the last one had seen."""
    before, again = (RingMode(both, on_cut="reset") for _ in range(2))
    old, new = (Window(both.manifest.window, 16) for _ in range(2))
    for tick in range(40):
        old.push(tick, Portrait(BOX, 1.0), pose(tick), scene=1 + sum(tick >= cut for cut in (10, 20, 30)))
    before.follow(old, 39)
    again.restore(before.snapshot())
    for tick in range(40, 60):
        new.push(tick, Portrait(BOX, 1.0), pose(tick), scene=1 + (tick >= 52))
    again.follow(new, 59)
    again.rings["keypoints"].read()
    assert again.rings["keypoints"]._readout._counts[0].sum() == 60 - 52


@pytest.mark.parametrize(
    "harm",
    [
        lambda arrays: arrays.pop("keypoints.row"),
        lambda arrays: arrays.pop("state"),
        lambda arrays: arrays.update({"state": np.array([1e300, 0.0, 0.0])}),
        lambda arrays: arrays.update({"keypoints.row": np.array([1, 2])}),
        lambda arrays: arrays.update({"image.keys_0": np.array(np.nan, np.float32)}),
        lambda arrays: arrays["image.values_1"].fill(np.nan),
        lambda arrays: arrays.update({"image.read": arrays["image.read"][:, 1:]}),
    ],
)
def test_arrays_of_something_else_are_one_sentence_and_change_nothing(
    both: Bundle, tmp_path: Path, harm: Callable[[dict[str, Any]], object]
) -> None:
    ring, window = RingMode(both), Window(both.manifest.window, 16)
    followed(ring, window, 0, 60, 0)
    arrays = ring.snapshot()
    harm(arrays)
    snapshots.save(tmp_path / "ring.npz", both, arrays)
    other, same = RingMode(both), Window(both.manifest.window, 16)
    expected = followed(other, same, 0, 90, 0)
    followed(ring, window, 61, 75, 61)
    with pytest.raises(UsageError, match=r"expected a whole snapshot of a ring.*start without it"):
        ring.load(tmp_path / "ring.npz")
    found = followed(ring, window, 76, 90, 76)
    for name, vector in expected.items():
        np.testing.assert_allclose(found[name], vector, rtol=0, atol=2e-6)


def test_bits_that_flipped_are_one_sentence_or_nothing(both: Bundle, tmp_path: Path) -> None:
    """An archive has checksums of what is in it, but not of its directory."""
    temporal, path = RingMode(both), tmp_path / "ring.npz"
    temporal.save(path)
    raw, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(raw), 60).tolist() + list(range(len(raw) - 400, len(raw), 10)):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ (1 << int(rng.integers(8)))]) + raw[place + 1 :])
        try:
            temporal.load(path)
        except UsageError:
            refused += 1
    assert refused > 60


def test_a_snapshot_has_nowhere_to_go(both: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none/ring.npz: expected a place for a snapshot, found none"):
        RingMode(both).save(tmp_path / "none" / "ring.npz")


def test_a_snapshot_of_another_bundle_or_none_is_refused(both: Bundle, tmp_path: Path) -> None:
    temporal, path = RingMode(both), tmp_path / "ring.npz"
    temporal.save(path)
    other = RingMode(structs.replace(both, sha256="f" * 64))
    with pytest.raises(UsageError, match=r"expected a snapshot of bundle untrained .ffffffffffff….*another"):
        other.load(path)
    with pytest.raises(UsageError, match="expected a snapshot of a ring, found something else"):
        temporal.load(tmp_path / "none.npz")
    path.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(UsageError, match="expected a snapshot of a ring, found something else"):
        temporal.load(path)
    np.savez(path, schema=99, bundle=both.sha256)
    with pytest.raises(UsageError, match="expected snapshot schema 1, found 99"):
        temporal.load(path)


# -- the choice --------------------------------------------------------------------------------------


def test_what_cannot_be_done_on_a_cut_is_refused(both: Bundle) -> None:
    with pytest.raises(UsageError, match="--on-cut: expected keep or reset with --mode full, found decay"):
        analyzer(both, mode="full", on_cut="decay")
    with pytest.raises(UsageError, match="--on-cut: expected keep, decay or reset, found 'drop'"):
        watch.run(WatchOptions(["demo"], model=ModelOptions(bundle=both.folder, on_cut="drop")))
    with pytest.raises(UsageError, match="--mode: expected auto, full or ring, found 'fast'"):
        watch.run(WatchOptions(["demo"], model=ModelOptions(bundle=both.folder, mode="fast")))


def test_the_doctor_recommends_the_ring_at_its_own_hop(both: Bundle) -> None:
    quick, slow = (speed.advice(both, [10.0], seconds) for seconds in (0.004, 0.4))
    assert (quick.mode, quick.hop, slow.hop) == ("ring", 5, 20)


def test_an_update_s_cost_is_measured_without_being_remembered(both: Bundle) -> None:
    used, new = analyzer(both), analyzer(both)
    for frame in frames(97):
        used.observe(frame)
        new.observe(frame)
        if frame.index in (7, 60):
            used.keep_up(frame.index)
            assert 0 < used.update_cost_s() < 5
    close(used.estimate(), new.estimate())
