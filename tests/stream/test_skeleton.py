"""The 137 points, checked by name."""

from stream import skeleton as s


def test_groups_cover_everything_once() -> None:
    covered = [i for group in s.GROUPS.values() for i in range(group.start, group.stop)]
    assert covered == list(range(s.COUNT)) == list(range(137))
    assert (s.LEFT_HAND.start, s.RIGHT_HAND.start, s.RIGHT_HAND.stop) == (95, 116, 137)
    assert len(s.INDEX) == 137, "names are unique"


def test_points_stand_where_openpose_has_them() -> None:
    expected = {
        "nose": 0, "neck": 1, "right_shoulder": 2, "left_wrist": 7, "mid_hip": 8, "right_eye": 15,
        "left_ear": 18,
        "left_big_toe": 19, "right_heel": 24, "face_contour_0": 25, "face_contour_16": 41,
        "face_right_brow_0": 42,
        "face_left_brow_4": 51, "face_nose_bridge_0": 52, "face_right_eye_0": 61, "face_left_eye_0": 67,
        "face_outer_mouth_0": 73, "face_inner_mouth_0": 85, "face_right_pupil": 93, "face_left_pupil": 94,
        "left_hand_wrist": 95, "left_hand_thumb_4": 99, "left_hand_middle_1": 104, "right_hand_wrist": 116,
        "right_hand_pinky_4": 136,
    }  # fmt: skip
    assert {name: s.INDEX[name] for name in expected} == expected


def bone_names() -> set[frozenset[str]]:
    return {frozenset((s.NAMES[a], s.NAMES[b])) for a, b in s.BONES}


def test_bones_join_what_belongs_together() -> None:
    assert len(s.BONES) == len(bone_names()) == 24 + 63 + 20 + 20
    for pair in (
        ("neck", "mid_hip"), ("right_shoulder", "right_elbow"), ("left_knee", "left_ankle"),
        ("left_eye", "left_ear"),
        ("left_ankle", "left_heel"), ("face_contour_7", "face_contour_8"),
        ("face_right_eye_5", "face_right_eye_0"),
        ("face_outer_mouth_11", "face_outer_mouth_0"), ("left_hand_wrist", "left_hand_index_1"),
        ("right_hand_ring_3", "right_hand_ring_4"),
    ):  # fmt: skip
        assert frozenset(pair) in bone_names()
    joined = {name for bone in bone_names() for name in bone}
    assert set(s.NAMES) - joined == {"face_right_pupil", "face_left_pupil"}


def test_no_bone_leaves_its_group() -> None:
    for a, b in s.BONES:
        groups = {name for name, g in s.GROUPS.items() for i in (a, b) if g.start <= i < g.stop}
        assert len(groups) == 1


def test_mirror_swaps_left_and_right() -> None:
    assert [s.MIRROR[s.MIRROR[i]] for i in range(137)] == list(range(137))
    for a, b in (
        ("nose", "nose"), ("neck", "neck"), ("mid_hip", "mid_hip"), ("right_wrist", "left_wrist"),
        ("left_small_toe", "right_small_toe"), ("face_contour_0", "face_contour_16"),
        ("face_contour_8", "face_contour_8"), ("face_right_brow_0", "face_left_brow_4"),
        ("face_right_brow_4", "face_left_brow_0"), ("face_nose_bridge_2", "face_nose_bridge_2"),
        ("face_nose_base_0", "face_nose_base_4"), ("face_right_eye_0", "face_left_eye_3"),
        ("face_right_eye_1", "face_left_eye_2"), ("face_right_eye_4", "face_left_eye_5"),
        ("face_right_eye_5", "face_left_eye_4"), ("face_outer_mouth_0", "face_outer_mouth_6"),
        ("face_outer_mouth_3", "face_outer_mouth_3"), ("face_outer_mouth_7", "face_outer_mouth_11"),
        ("face_outer_mouth_9", "face_outer_mouth_9"), ("face_inner_mouth_0", "face_inner_mouth_4"),
        ("face_inner_mouth_5", "face_inner_mouth_7"), ("face_right_pupil", "face_left_pupil"),
        ("left_hand_ring_2", "right_hand_ring_2"),
    ):  # fmt: skip
        assert s.NAMES[s.MIRROR[s.INDEX[a]]] == b


def test_mirrored_bones_are_bones() -> None:
    bones = {frozenset(b) for b in s.BONES}
    assert {frozenset((s.MIRROR[a], s.MIRROR[b])) for a, b in s.BONES} == bones
