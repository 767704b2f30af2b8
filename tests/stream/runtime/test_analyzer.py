"""The two lanes: the same observations and the same T give the same number, and nobody is nothing."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from front_end_stand_in import StandIn
from msgspec import structs

from stream.branches.calibration import calibrated, sigmoid
from stream.branches.image import crop_portrait
from stream.bundle.load import Bundle
from stream.records import Estimate, Frame, Portrait, Pose
from stream.runtime.analyzer import Analyzer
from stream.runtime.states import ABSENT_AFTER_S
from stream.skeleton import COUNT, GROUPS
from stream.window.offsets import features_of

Story = Callable[[int], bool]


class MadeUp(StandIn):
    """Stands in for the front end: a person who moves by a fixed rule, present when the story says so."""

    def __init__(self, present: Story = lambda index: True) -> None:
        super().__init__()
        self.present = present
        self.pushed = 0

    def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        self.pushed += 1
        if not self.present(frame.index):
            return None, None
        rng = np.random.default_rng(frame.index)
        valid = rng.random(COUNT) < 0.9
        points = (100 + 80 * rng.random((COUNT, 2))).astype(np.float32) * valid[:, None]
        return Portrait((80.0 + frame.index % 3, 80.0, 200.0, 210.0), 1.0), Pose(
            points.astype(np.float32), valid
        )

    def reset(self) -> None:
        super().reset()
        self.pushed = 0


def frames(n: int, fps: float = 25.0) -> list[Frame]:
    pictures = np.random.default_rng(0).integers(0, 255, (8, 240, 320, 3), dtype=np.uint8)
    return [Frame(i, 7.0 + i / fps, float(i), pictures[i % 8]) for i in range(n)]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The demo bundle, as if its image branch had evidence."""
    return with_image_slope(Bundle.demo(), 0.5)


def with_image_slope(bundle: Bundle, slope: float) -> Bundle:
    modes = {}
    for name, mode in bundle.manifest.modes.items():
        slopes = mode.calibration.slope | {"image": (slope,) * len(mode.calibration.knots_s)}
        modes[name] = structs.replace(mode, calibration=structs.replace(mode.calibration, slope=slopes))
    return structs.replace(bundle, manifest=structs.replace(bundle.manifest, modes=modes))


def analyzer(bundle: Bundle, present: Story = lambda index: True) -> Analyzer:
    return Analyzer(bundle, MadeUp(present), mode="full")


def same(a: Estimate, b: Estimate) -> None:
    assert (a.win, a.state, a.reason, a.branches, a.pts) == (b.win, b.state, b.reason, b.branches, b.pts)
    assert [getattr(a.window, f) for f in a.window.__slots__] == [
        getattr(b.window, f) for f in b.window.__slots__
    ]


def test_an_estimate_does_not_depend_on_earlier_estimates(bundle: Bundle) -> None:
    often, once = analyzer(bundle), analyzer(bundle)
    for frame in frames(90):
        often.observe(frame)
        if frame.index % 20 == 3:
            often.estimate()
        once.observe(frame)
    same(often.estimate(), once.estimate())


def test_an_older_tick_reads_nothing_newer(bundle: Bundle) -> None:
    ahead, there = analyzer(bundle), analyzer(bundle)
    for frame in frames(80):
        ahead.observe(frame)
        if frame.index <= 57:
            there.observe(frame)
    same(ahead.estimate(57), there.estimate(57))


def test_stream_equals_offline(bundle: Bundle) -> None:
    """Everything computed at once from the whole clip, without grid, rings or queues."""
    live, story = analyzer(bundle, lambda i: not 30 <= i < 41), MadeUp(lambda i: not 30 <= i < 41)
    clip = frames(100)
    for frame in clip:
        live.observe(frame)
    seen = [story.look(frame) for frame in clip]
    spec, manifest = bundle.manifest.window, bundle.manifest
    present = np.array([p is not None for p, _ in seen])
    boxes = np.array([p.box if p else (0, 0, 1, 1) for p, _ in seen], np.float32)
    points = np.stack([q.points if q else np.zeros((COUNT, 2), np.float32) for _, q in seen])
    valid = np.stack([q.valid if q else np.zeros(COUNT, np.bool_) for _, q in seen])
    partners = []
    for back in spec.offsets:
        shifted = np.zeros_like(points), np.zeros_like(valid)
        shifted[0][back:], shifted[1][back:] = points[:-back], valid[:-back]
        partners.append(shifted)
    values, _ = features_of(boxes, points, valid, partners)
    groups, masks = {}, {}
    for name, group in GROUPS.items():
        groups[name] = np.zeros((1, spec.poses, spec.widths[name]), np.float32)
        groups[name][0, -100:] = values[:, group].reshape(100, -1)
        masks[f"{name}_mask"] = np.zeros((1, spec.poses), np.bool_)
        masks[f"{name}_mask"][0, -100:] = valid[:, group].any(1)
    assert manifest.image is not None
    features = np.zeros((1, spec.features, manifest.image.dim), np.float32)
    feature_mask = np.zeros((1, spec.features), np.bool_)
    assert live._portraits is not None
    encoder = live._portraits.encoder
    for slot in range(20):
        tick = next((t for t in range(5 * slot, 5 * slot + 5) if present[t]), None)
        if tick is not None:
            portrait = seen[tick][0]
            assert portrait is not None
            features[0, slot - 20] = encoder(crop_portrait(clip[tick].image, portrait, manifest.image.size))
            feature_mask[0, slot - 20] = True
    temporal = live._temporal
    vectors = {
        "keypoints": temporal.engines["keypoints"](**groups, **masks)[0],
        "image": temporal.engines["image"](features=features, feature_mask=feature_mask)[0],
    }
    expected = calibrated(
        temporal.mode.calibration, temporal.fuse(vectors), vectors, present.sum() / 25, live.prior
    )
    estimate = live.estimate()
    assert estimate.win == pytest.approx(expected, abs=1e-6)
    assert estimate.window.coverage == pytest.approx(0.89)
    assert estimate.window.largest_gap_s == pytest.approx(11 / 25)


def test_nobody_is_absent_and_never_a_number(bundle: Bundle) -> None:
    empty = analyzer(bundle, lambda index: False)
    for frame in frames(60):
        empty.observe(frame)
    estimate = empty.estimate()
    assert (estimate.state, estimate.win, estimate.loss) == ("absent", None, None)
    assert set(estimate.branches.values()) == {None}


def test_half_a_window_ends_any_warm_up(bundle: Bundle) -> None:
    slow = structs.replace(bundle, manifest=structs.replace(bundle.manifest, warmup_s=1e6))
    live = analyzer(slow)
    states = []
    for frame in frames(2001):
        live.observe(frame)
        if frame.index in (1900, 2000):
            states.append(live.estimate().state)
    assert states == ["warming", "ok"]


def test_somebody_who_left_is_absent(bundle: Bundle) -> None:
    left = analyzer(bundle, lambda index: index < 300)
    states = []
    for frame in frames(300 + round(ABSENT_AFTER_S * 25) + 1):
        left.observe(frame)
        if frame.index in (100, 299, 299 + round(ABSENT_AFTER_S * 25) - 1, 299 + round(ABSENT_AFTER_S * 25)):
            states.append(left.estimate().state)
    assert states == ["warming", "ok", "ok", "absent"]


def test_mostly_unseen_is_degraded_with_its_reason(bundle: Bundle) -> None:
    patchy = analyzer(bundle, lambda index: index % 3 == 0)
    for frame in frames(900):
        patchy.observe(frame)
    estimate = patchy.estimate()
    assert estimate.state == "degraded"
    assert estimate.reason is not None
    assert "33%" in estimate.reason


def test_branches_differ_and_text_is_absent_until_described(bundle: Bundle) -> None:
    reading = analyzer(bundle)
    for frame in frames(50):
        reading.observe(frame)
    before = reading.estimate()
    assert before.branches["text"] is None
    assert before.text_age_s is None
    reading.describe("presses the lips and nods", pts=8.0)
    described = reading.estimate()
    assert described.branches["text"] is not None
    assert described.text_age_s == pytest.approx(7.0 + 49 / 25 - 8.0)
    assert described.branches["keypoints"] == before.branches["keypoints"]
    assert described.win != before.win
    reading.describe(None, pts=9.0)
    same(reading.estimate(), before)


class Cutting(MadeUp):
    """Frames whose portrait does not continue the one before."""

    def __init__(self, *cuts: int) -> None:
        super().__init__()
        self.cuts = cuts

    def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        portrait, pose = super().look(frame)
        assert portrait is not None
        return replace(portrait, cut=frame.index in self.cuts), pose


def test_missing_text_is_the_absent_vector_and_nothing_else(bundle: Bundle) -> None:
    """With text the other branches and state say the same; without it, win is the fusion of the others."""
    reading, never = analyzer(bundle), analyzer(bundle)
    for frame in frames(50):
        reading.observe(frame)
        never.observe(frame)
    reading.describe("shoulders up, gaze down", pts=8.0)
    with_text, without = reading.estimate(), never.estimate()
    assert with_text.win != without.win
    assert {n: v for n, v in with_text.branches.items() if n != "text"} == {
        n: v for n, v in without.branches.items() if n != "text"
    }
    assert (with_text.state, with_text.reason, with_text.pts) == (without.state, without.reason, without.pts)
    view = reading.window.read(49)
    vectors = reading._temporal.vectors(view)
    assert set(vectors) == {"keypoints", "image"}
    vectors = reading._informative(vectors, view)
    assert without.win == sigmoid(reading._logit(vectors, view))


@pytest.mark.parametrize("kind", ["another person or shot", "another stretch of the source"])
def test_after_a_cut_earlier_text_is_not_used(bundle: Bundle, kind: str) -> None:
    by_portrait = kind == "another person or shot"
    reading = Analyzer(bundle, Cutting(30) if by_portrait else MadeUp(), mode="full")
    observed = [
        reading.observe(replace(frame, discontinuity=frame.index == 30 and not by_portrait))
        for frame in frames(40)
    ]
    scenes = [seen.scene for seen in observed if seen is not None]
    assert scenes == [0] * 30 + [1] * 10
    reading.describe("said of the one before, heard late", pts=7.5, scene=0)
    assert reading.estimate().text_age_s is None
    assert reading.estimate(29).text_age_s == pytest.approx(7.0 + 29 / 25 - 7.5)
    reading.describe("said of this one", pts=8.3, scene=1)
    assert reading.estimate().text_age_s is not None
    assert reading.estimate(29).text_age_s is None


def test_text_is_forgotten_with_the_window_it_speaks_of(bundle: Bundle) -> None:
    reading = analyzer(bundle)
    start, later = frames(2)
    for frame in (start, replace(later, pts=start.pts + 160.0), replace(later, pts=start.pts + 160.04)):
        reading.observe(frame)
    reading.describe("blinks", pts=start.pts)
    assert reading.estimate(4000).text_age_s == pytest.approx(160.0)
    assert reading.estimate(4001).text_age_s is None
    assert reading.estimate(4001).branches["text"] is None


def test_what_is_written_of_the_time_before_a_reset_is_not_used(bundle: Bundle) -> None:
    reading = analyzer(bundle)
    (first, *others) = frames(20)
    before = reading.observe(first)
    assert before is not None
    reading.reset()
    for frame in others:
        reading.observe(frame)
    reading.describe("of another stream", pts=7.0, scene=before.scene)
    assert reading.estimate().text_age_s is None


def test_a_description_is_read_once(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = analyzer(bundle)
    for frame in frames(30):
        reading.observe(frame)
    reading.describe("looks away", pts=7.5)
    first = reading.estimate().branches["text"]
    monkeypatch.delitem(reading._temporal.engines, "text")
    assert reading.estimate().branches["text"] == first


def test_frames_without_a_tick_of_their_own_are_not_looked_at(bundle: Bundle) -> None:
    fast = analyzer(bundle)
    observed = [o for frame in frames(120, fps=60.0) if (o := fast.observe(frame)) is not None]
    assert len(observed) == fast._front_end.pushed == 51  # type: ignore[attr-defined]
    assert fast.grid.late == 69


def test_reset_makes_it_as_new(bundle: Bundle) -> None:
    used, new = analyzer(bundle), analyzer(bundle)
    for frame in frames(70):
        used.observe(frame)
    used.estimate()
    used.reset()
    for frame in frames(40):
        used.observe(frame)
        new.observe(frame)
    same(used.estimate(), new.estimate())


def test_flush_of_nothing(bundle: Bundle) -> None:
    assert analyzer(bundle).flush() is None


def test_portraits_that_wait_too_long_are_counted(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.runtime.portrait_queue.PENDING", 3)
    slow = analyzer(bundle)
    for frame in frames(40):
        slow.observe(frame)
    assert slow.shed == 8 - 3
    assert slow.estimate().branches["image"] is not None


def test_a_branch_without_evidence_is_absent(bundle: Bundle) -> None:
    """It would move the fused logit all the same."""
    flat, without = with_image_slope(bundle, 0.0), Bundle.demo()
    first, second = analyzer(flat), analyzer(without)
    alone = analyzer(bundle)
    for frame in frames(120):
        for each in (first, second, alone):
            each.observe(frame)
    estimate, demo, both = first.estimate(), second.estimate(), alone.estimate()
    assert estimate.branches["image"] is None
    assert demo.branches["image"] is None, "the shipped bundle's image branch has slope 0 at every knot"
    assert estimate.win == demo.win == estimate.branches["keypoints"]
    assert both.branches["image"] is not None
    assert both.win != estimate.win


def test_the_parts_explain_the_whole(bundle: Bundle) -> None:
    reading = analyzer(bundle)
    for frame in frames(120):
        reading.observe(frame)
    reading.describe("lips pressed, gaze down", pts=8.0)
    estimate = reading.estimate()
    assert estimate.evidence is not None
    assert set(estimate.evidence) == {"keypoints", "image", "text", "prior"}
    assert estimate.win is not None
    assert sum(estimate.evidence.values()) == pytest.approx(
        math.log(estimate.win / (1 - estimate.win)), abs=1e-6
    )
    assert estimate.evidence["prior"] == pytest.approx(math.log(reading.prior / (1 - reading.prior)))


def test_a_network_that_gives_no_number_is_null_and_degraded(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = analyzer(bundle)
    for frame in frames(60):
        reading.observe(frame)
    assert reading.estimate().win is not None
    monkeypatch.setattr(reading._temporal, "fuse", lambda vectors: math.nan)
    estimate = reading.estimate()
    assert (estimate.win, estimate.evidence) == (None, None)
    assert set(estimate.branches.values()) == {None}
    assert (estimate.state, estimate.reason) == ("degraded", "a network gave no number")
