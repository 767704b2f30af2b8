import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from stream.branches.text import Pieces
from stream.bundle.load import Bundle, demo_bundle
from stream.bundle.manifest import Window as WindowSpec
from stream.errors import BundleError
from stream.verify import golden
from stream.verify.golden import Answers, Inputs

SPEC = WindowSpec(poses=100, features=20)
TICKS, DIM = 60, 4


def clip(moments: list[int]) -> Inputs:
    rng = np.random.default_rng(0)
    centre = rng.uniform(200, 400, (137, 2))
    cuts = np.zeros(TICKS, np.bool_)
    cuts[40] = True
    return Inputs(
        points=(centre + rng.normal(0, 3, (TICKS, 137, 2))).astype(np.float32),
        valid=rng.random((TICKS, 137)) < 0.9,
        boxes=np.tile(np.float32([100, 100, 500, 500]), (TICKS, 1)),
        cuts=cuts,
        features=rng.normal(0, 1, (12, DIM)).astype(np.float32),
        feature_mask=rng.random(12) < 0.8,
        text=Pieces(np.array([[2, 7, 3, 0]]), np.array([[True, True, True, False]])),
        portraits=rng.integers(0, 255, (2, 14, 14, 3)).astype(np.uint8),
        moments=np.array(moments),
    )


ANSWERS = Answers(
    {"keypoints": np.ones((1, 8), np.float32)},
    np.zeros((1, 2), np.float32),
    np.full((1, 2), 0.5, np.float32),
    np.zeros((2, DIM), np.float32),
)


def test_what_is_kept_comes_back_as_it_was_asked(tmp_path: Path) -> None:
    inputs = golden.rounded(clip([59]))
    golden.save(tmp_path / "0.npz", inputs, ANSWERS)
    found = golden._read(tmp_path / "0.npz")
    for name in ("points", "valid", "boxes", "cuts", "features", "feature_mask", "portraits", "moments"):
        np.testing.assert_array_equal(getattr(found.inputs, name), getattr(inputs, name), err_msg=name)
    np.testing.assert_array_equal(found.inputs.text.ids, inputs.text.ids)
    np.testing.assert_array_equal(found.answers.vectors["keypoints"], ANSWERS.vectors["keypoints"])


def test_rounding_moves_a_point_by_a_thirty_second_of_a_pixel_at_most() -> None:
    inputs = clip([59])
    moved = np.abs(golden.rounded(inputs).points - inputs.points)[inputs.valid]
    assert 0 < moved.max() <= 1 / 32 + 1e-4


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        golden.save(tmp_path / name, clip([59]), ANSWERS)
    first, second = (hashlib.sha256((tmp_path / f"{n}.npz").read_bytes()).digest() for n in "ab")
    assert first == second


def test_a_clip_is_played_again_until_the_window_is_full() -> None:
    inputs = golden.rounded(clip([9, 59, 119]))
    found = [
        (view.tick, view.figures.keypoints, view.feature_mask.sum(), view.groups["body"].copy())
        for view in golden.views(inputs, SPEC, DIM)
    ]
    assert [f[:2] for f in found] == [(9, 0.1), (59, 0.6), (119, 1.0)]
    assert [int(f[2]) for f in found] == [
        inputs.feature_mask[:2].sum(),
        inputs.feature_mask.sum(),
        np.roll(np.tile(inputs.feature_mask, 2), -24)[-20:].sum(),
    ]
    np.testing.assert_array_equal(found[2][3][-60:, :2], found[1][3][-60:, :2])  # the clip again


def test_no_displacement_reaches_over_a_cut() -> None:
    inputs = replace(clip([47, 59]), valid=np.ones((TICKS, 137), np.bool_))
    right_behind, later = [view.groups["body"][-1].copy() for view in golden.views(inputs, SPEC, 0)]
    values = right_behind.reshape(25, 8)
    assert np.abs(values[:, 2:4]).max() == 0  # t − 8 = 39 lies before the cut at 40
    assert np.abs(later.reshape(25, 8)[:, 2:4]).max() > 0


@pytest.mark.parametrize("raw", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_another_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "0.npz"
    path.write_bytes(raw)
    with pytest.raises(BundleError, match=r"0\.npz: expected golden tensors, found something else"):
        golden._read(path)


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "0.npz", points=np.array([{}], object))
    with pytest.raises(BundleError, match="expected golden tensors"):
        golden._read(tmp_path / "0.npz")


def test_the_demo_bundle_says_where_its_golden_tensors_are_from() -> None:
    bundle = Bundle.load(demo_bundle())
    said = bundle.manifest.golden
    assert said is not None
    assert "the trained network in float32" in said.outputs
    clips = golden.load(bundle)
    assert len(clips) == len(said.files) == 2
    assert set(clips[0].answers.vectors) == {"keypoints", "image", "text"}
    assert golden.load(structs.replace(bundle, manifest=structs.replace(bundle.manifest, golden=None))) == []
