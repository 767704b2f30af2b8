"""What is asked of a bundle's networks, moment by moment; the networks stand in."""

from typing import Any

import numpy as np
import pytest

from stream.branches.calibration import calibrated
from stream.branches.text import Pieces
from stream.bundle.load import Bundle
from stream.verify.answers import compute_answers, fused
from stream.verify.golden import Inputs

E = 64  # of the demo bundle


class NetworksStandIn:
    """Says the tick for keypoints, the newest feature for the image, a text's first piece; adds them up."""

    def __init__(self, bundle: Bundle, *, silent: tuple[int, ...] = ()) -> None:
        self.mode = bundle.manifest.modes["full"]
        self.engines = dict.fromkeys(self.mode.branches)
        self.silent = silent
        self.resets, self.followed = 0, 0

    def reset(self) -> None:
        self.resets += 1

    def follow(self, window: Any, tick: int) -> None:
        self.followed += 1

    def vectors(self, view: Any) -> dict[str, np.ndarray]:
        found = {}
        if view.tick not in self.silent:
            found["keypoints"] = np.full((1, E), view.tick, np.float32)
        if view.feature_mask.any():
            found["image"] = np.full((1, E), view.features[-1, 0], np.float32)
        return found

    def text(self, pieces: Pieces) -> np.ndarray:
        return np.full((1, E), pieces.ids[0, 0], np.float32)

    def fuse(self, vectors: dict[str, np.ndarray]) -> float:
        return float(sum(vector[0, 0] for vector in vectors.values())) / 100


def clip(bundle: Bundle, *, text: bool = True) -> Inputs:
    """Ten ticks of somebody, asked at 4 and 9; features of 1 and 2; two texts."""
    features = np.repeat(np.array((1, 2), np.float32)[:, None], 96, axis=1)
    return Inputs(
        points=np.full((10, 137, 2), 50, np.float32),
        valid=np.ones((10, 137), np.bool_),
        boxes=np.tile(np.array((0, 0, 99, 99), np.float32), (10, 1)),
        cuts=np.zeros(10, np.bool_),
        features=features,
        feature_mask=np.ones(2, np.bool_),
        text=Pieces(np.array([[7, 0], [30, 0]]), np.ones((2, 2), np.bool_)) if text else None,
        portraits=np.stack([np.full((4, 4, 3), value, np.uint8) for value in (10, 20)]),
        moments=np.array([4, 9]),
    )


def test_answers_are_a_row_a_moment_and_texts_a_row_each(bundle: Bundle) -> None:
    networks = NetworksStandIn(bundle)
    said = compute_answers(bundle, networks, None, clip(bundle))  # type: ignore[arg-type]
    assert {name: v[:, 0].tolist() for name, v in said.vectors.items()} == {
        "keypoints": [4, 9],
        "image": [1, 2],
        "text": [7, 30],
    }
    assert (networks.resets, networks.followed) == (1, 10)
    assert said.features.shape == (0, 0), "nobody encodes"


def test_logits_without_and_with_the_text_in_turn(bundle: Bundle) -> None:
    said = compute_answers(bundle, NetworksStandIn(bundle), None, clip(bundle))  # type: ignore[arg-type]
    np.testing.assert_allclose(said.logits, ((0.05, 0.12), (0.11, 0.41)), atol=1e-6)


def test_wins_are_calibrated_by_what_was_there_and_for_how_long(bundle: Bundle) -> None:
    said = compute_answers(bundle, NetworksStandIn(bundle), None, clip(bundle))  # type: ignore[arg-type]
    calibration = bundle.manifest.modes["full"].calibration
    for moment, valid_s in ((0, 5 / 25), (1, 10 / 25)):
        for with_text, names in ((0, ("keypoints", "image")), (1, ("keypoints", "image", "text"))):
            expected = calibrated(
                calibration, float(said.logits[moment, with_text]), names, valid_s, bundle.manifest.prior
            )
            assert said.wins[moment, with_text] == pytest.approx(expected, abs=1e-6)


def test_a_branch_that_says_nothing_is_absent_and_not_nought(bundle: Bundle) -> None:
    said = compute_answers(bundle, NetworksStandIn(bundle, silent=(4,)), None, clip(bundle, text=False))  # type: ignore[arg-type]
    assert np.isnan(said.vectors["keypoints"][0]).all()
    assert said.logits[0, 0] == pytest.approx(0.01), "the image alone"
    assert "text" not in said.vectors
    np.testing.assert_array_equal(said.logits[:, 0], said.logits[:, 1])


def test_portraits_are_encoded_one_by_one(bundle: Bundle) -> None:
    said = compute_answers(
        bundle,
        NetworksStandIn(bundle),  # type: ignore[arg-type]
        lambda portrait: portrait[0, 0].astype(np.float32),
        clip(bundle),
    )
    assert said.features.tolist() == [[10, 10, 10], [20, 20, 20]]


def test_moments_without_any_branch_have_no_logit(bundle: Bundle) -> None:
    vectors = {"keypoints": np.array([[np.nan] * E, [1.0] * E], np.float32)}
    found = fused(NetworksStandIn(bundle), vectors, 2)  # type: ignore[arg-type]
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], 0.01)
