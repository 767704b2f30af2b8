"""Films of warped people: tracked tick by tick, kept on disk, taken up again. The front end is a stand-in."""

import numpy as np
import pytest
from front_end_stand_in import StandIn

from stream.records import Frame, Portrait, Pose
from training.data.films import behaviour_changes, load_folder, warped_recordings
from training.extraction.following import follow
from training.simulator.behaviour import DEMO
from training.simulator.recordings import simulate
from training.simulator.warp import PORTRAIT


class MadeUp(StandIn):
    """Sees a person in every frame but the fourth; announces a cut at the seventh."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0
        self.resets = 0

    def reset(self) -> None:
        super().reset()
        self.resets += 1
        self.frames = 0

    def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        assert frame.index == self.frames
        self.frames += 1
        if frame.index == 3:
            return None, None
        points = np.full((137, 2), 100 + frame.index, np.float32)
        valid = np.arange(137) < 95
        points[~valid] = 0
        return Portrait((40.0, 20.0, 400.0, 460.0), 0.9, cut=frame.index == 6), Pose(points, valid)


def encode(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)[:, :4].astype(np.float32)


def test_a_track_has_gaps_cuts_and_one_crop_a_slot():
    pictures = [np.full((480, 640, 3), i, np.uint8) for i in range(12)]
    track = follow(pictures, MadeUp(), crop_size=14)
    assert track.present.tolist() == [i != 3 for i in range(12)]
    assert not track.points[3].any()
    assert not track.valid[3].any()
    assert track.segments.tolist() == [1] * 6 + [2] * 6
    assert {slot: int(crop[0, 0, 0]) for slot, crop in track.crops.items()} == {0: 0, 1: 5, 2: 10}
    assert not follow(pictures, MadeUp()).crops


def test_films_are_kept_and_taken_up_again(tmp_path):
    front_end = MadeUp()
    made = list(warped_recordings(DEMO, 2, 1.2, 7, front_end, encode=encode, folder=tmp_path))
    assert [r.label for r in made] == [0, 1]
    assert made[0].points.shape == (30, 137, 2)
    assert made[0].features.shape == (6, 4)
    assert made[0].feature_mask.all()
    assert "no real-world meaning" in made[0].provenance
    resets = front_end.resets
    again = list(warped_recordings(DEMO, 3, 1.2, 7, front_end, encode=encode, folder=tmp_path))
    assert front_end.resets == resets + 1  # only the third was made anew
    for a, b in zip(made, again, strict=False):
        for name in ("points", "valid", "boxes", "present", "segments", "features", "feature_mask", "llr"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
        assert (a.text, a.subject, a.provenance) == (b.text, b.subject, b.provenance)
    assert [r.subject for r in load_folder(tmp_path)] == ["warped-7", "warped-8", "warped-9"]
    assert load_folder(tmp_path)[0].features is None


def test_a_gap_says_nothing():
    recording = next(iter(warped_recordings(DEMO, 1, 1.0, 3, MadeUp())))
    assert recording.evidence(3, 4) == pytest.approx(0.0)
    assert recording.features is None
    assert len(recording.feature_mask) == 5
    assert PORTRAIT % 14 == 0


@pytest.mark.parametrize(("parts", "changes"), [("win:60", False), ("loss:20.04,win:39.96", True)])
def test_a_film_says_whether_its_behaviour_changes(parts, changes):
    said = f"warped portrait, profile demo, parts {parts}, seed 3; made-up people"
    assert behaviour_changes(said) is changes
    assert not behaviour_changes(simulate(DEMO, 1, 2.0, 1).provenance)
