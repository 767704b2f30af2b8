"""OpenPose's JSON output: the layout, and who is followed among several."""

import json

import numpy as np
import pytest

from stream.errors import UsageError
from training.corpus.readers import openpose
from training.corpus.readers.importing import bring

SIZES = {"pose": 25, "face": 70, "hand_left": 21, "hand_right": 21}


def person(x: float, y: float, size: float, value: float = 0.9) -> dict:
    """Somebody whose points fill a square; point k of the 137 has confidence growing with k."""
    k = np.arange(137)
    points = np.stack([x + size * (k % 12) / 11, y + size * (k // 12) / 11, 0.1 + value * k / 200], 1)
    found, first = {"person_id": [-1], "pose_keypoints_3d": []}, 0
    for name, count in SIZES.items():
        found[f"{name}_keypoints_2d"] = points[first : first + count].reshape(-1).round(3).tolist()
        first += count
    return found


def frame(path, people):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1.3, "part_candidates": [{"0": [1, 2]}], "people": people}))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "json"
    for i in range(40):
        me = person(500 + i, 300, 300)
        other = person(1150, 250, 310)  # larger, but at the edge of the picture
        people = [] if i == 7 else [me] if i < 20 else [other, me] if i % 2 else [me, other]
        frame(root / "anna" / f"clip_{i:012d}_keypoints.json", people)
    for i in range(30):
        if i not in (3, 4):
            frame(root / f"ben_1_{i:012d}_keypoints.json", [person(100, 100, 200)])
    frame(root / "cut" / "cut_000000000000_keypoints.json", [person(100, 100, 200)])
    (tmp_path / "labels.csv").write_text(
        "id,subject,label,text\nanna,a,win,smiles\nben_1,b,loss,\ncut,c,win,\n"
    )
    return root


def test_a_folder_becomes_a_corpus(folder, tmp_path):
    source = openpose.source(folder, tmp_path / "labels.csv", licence="mine")
    store = bring(source, tmp_path / "corpus")
    anna = store.recording("anna")
    assert anna.text == "smiles"
    assert anna.ticks == 40
    assert np.flatnonzero(~anna.present).tolist() == [7]
    shown = np.flatnonzero(anna.present)
    np.testing.assert_allclose(anna.points[shown, 0, 0], 500 + shown)
    assert anna.valid[0].all()
    expected = person(500, 300, 300)
    for part, name in (
        (slice(95, 116), "hand_left"),
        (slice(116, 137), "hand_right"),
        (slice(25, 95), "face"),
    ):
        want = np.reshape(expected[f"{name}_keypoints_2d"], (-1, 3))[:, :2]
        np.testing.assert_allclose(anna.points[0, part], want, rtol=1e-5)
    assert store.entries["anna"].note == "several people in 20 frames, one was followed"
    assert (anna.segments == 1).all()
    ben = store.entries["ben_1"]
    assert ben.note == "2 frames without a file"
    assert ben.ticks == 30
    assert store.entries["cut"].short
    assert store.index.licence == "mine"
    assert len(store.index.splits["disjoint"].parts) == 3


def array(*people):
    flat = [[value for name in SIZES for value in p[f"{name}_keypoints_2d"]] for p in people]
    return np.array(flat, np.float32).reshape(-1, 137, 3)


def test_the_first_choice_is_large_and_central():
    edge, middle, far = person(1000, 300, 290), person(450, 300, 280), person(600, 200, 60)
    frames, _ = openpose.follow([array(far, edge, middle)] * 3)
    assert (frames[:, 0, 0] == 450).all()


def test_somebody_else_is_followed_only_after_two_seconds():
    me, other = person(400, 300, 300), person(900, 300, 300)
    people = [array(me)] * 10 + [array(other)] * 80
    frames, segments = openpose.follow(people)
    shown = frames[:, 0, 2] > 0
    assert shown[:10].all()
    assert not shown[10:61].any()
    assert shown[61:].all()
    assert (frames[61:, 0, 0] == 900).all()
    assert segments.tolist() == [1] * 61 + [2] * 29


def test_faces_and_hands_may_be_missing(tmp_path):
    body = person(100, 100, 200)
    for name in ("face", "hand_left"):
        body[f"{name}_keypoints_2d"] = []
    del body["hand_right_keypoints_2d"]
    path = tmp_path / "a_000000000000_keypoints.json"
    frame(path, [body])
    people = openpose.read_people(path)
    assert people.shape == (1, 137, 3)
    assert people[0, :25].any()
    assert not people[0, 25:].any()
    frame(path, [])
    assert openpose.read_people(path).shape == (0, 137, 3)


def test_what_is_refused(folder, tmp_path):
    path = tmp_path / "a_000000000000_keypoints.json"
    coco = person(1, 1, 100)
    coco["pose_keypoints_2d"] = [0.0] * 54
    frame(path, [coco])
    with pytest.raises(UsageError, match=r"expected 75 values for pose, found 54; .* --model_pose BODY_25"):
        openpose.read_people(path)
    for content in ('{"people": [', "[]", '{"persons": []}', '{"people": [{"pose_keypoints_2d": 3}]}'):
        path.write_text(content)
        with pytest.raises(UsageError, match="expected OpenPose's JSON output, found another"):
            openpose.read_people(path)
    with pytest.raises(UsageError, match="run OpenPose with --write_json"):
        openpose.source(tmp_path / "nowhere", tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open("a") as stream:
        stream.write("zoe,z,win,\n")
    with pytest.raises(UsageError, match=r"none for 1 \(zoe\)"):
        openpose.source(folder, tmp_path / "labels.csv")
