"""The challenge's light skeletons: small made-up files of exactly their shape."""

import numpy as np
import openpyxl
import pytest

from stream.errors import UsageError
from stream.skeleton import BODY, FACE, INDEX
from training.corpus.readers import miga
from training.corpus.readers.importing import bring

TIPS = ("thumb", "index", "middle", "ring", "pinky")


def person(count: int = 30) -> np.ndarray:
    """float64 [F, 35, 3]: wrists far apart, the fingers of the first hand at the subject's left wrist."""
    points = np.random.default_rng(0).uniform(300, 600, (count, 35, 3)).round(2)
    points[..., 2] = 0.7
    points[:, 7, :2], points[:, 4, :2] = (900, 500), (100, 500)
    points[:, 25:30, :2] = np.arange(5)[:, None] * 3 + (900, 520)
    points[:, 30:35, :2] = np.arange(5)[:, None] * 3 + (100, 520)
    return points


def text(points: np.ndarray, first: int = 0, header: str = "") -> str:
    rows = [",".join(map(str, [first + i, *row.reshape(-1)])) for i, row in enumerate(points)]
    return "\n".join([header, *rows] if header else rows) + "\n"


NAMED = "frame," + ",".join(f"{axis}{i}" for i in range(35) for axis in "xyc")
COUNTED = ",".join(map(str, range(106)))
NUMBERED = "," + ",".join(map(str, range(105)))


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "imigue_data_phase1/datasets"
    for id, part, header in (
        ("0001", "train", ""),
        ("0004", "train", NAMED),
        ("0067", "validate", NUMBERED),
    ):
        folder = root / f"imigue_skeleton_{part}" / id
        folder.mkdir(parents=True)
        (folder / f"{id}_light_hand.csv").write_text(text(person(), header=header))
        (folder / f"{id}_light.csv").write_text("not read\n")
        (folder / f"{id}_label.csv").write_text("3,0,10\n99,12,20\n31,22,29\n")
    (tmp_path / "labels.csv").write_text(
        "video_id,subject_id,win_or_lose\n1,2,Win\n1,2,Win\n4,4,Lose\n67,3,Lose\n"
    )
    return tmp_path


def test_a_release_becomes_a_corpus(release, tmp_path):
    store = bring(miga.source(release, release / "labels.csv"), tmp_path / "corpus")
    assert {e.id: (e.label, e.subject, e.note) for e in store.index.entries} == {
        "0001": (1, "2", ""),
        "0004": (0, "4", ""),
        "0067": (0, "3", ""),
    }
    assert store.ids("track3", "test") == ("0067",)
    points = person()
    for id in store.entries:
        recording = store.recording(id)
        assert recording.ticks == 30
        np.testing.assert_allclose(recording.points[:, BODY], points[:, :25, :2], rtol=1e-6)
        assert not recording.valid[:, FACE].any()
        for n, finger in enumerate(TIPS):
            for side, first in (("left", 25), ("right", 30)):
                found = recording.points[:, INDEX[f"{side}_hand_{finger}_4"]]
                np.testing.assert_allclose(found, points[:, first + n, :2], rtol=1e-6)
        assert recording.valid[0, 95:].sum() == 10
        assert "without face" in store.index.provenance


def full_sheet(release, id, rows):
    """As in 2025: beside the light skeleton, or instead of it."""
    (folder,) = release.rglob(f"imigue_skeleton_*/{id}")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(folder / f"{id}_openpose.xlsx")


def test_full_sheets_are_read_with_faces(release, tmp_path):
    values = np.random.default_rng(1).uniform(100, 700, (1, 137, 3)).round(2).repeat(40, 0)
    values[..., 2] = 0.5
    values[:2] = 0  # OpenPose lost the first frames …
    values[5, 30] = 0  # … and a point
    rows = values.reshape(40, 411).tolist()
    rows[7][3 * 40] = None  # an empty cell
    full_sheet(release, "0001", rows)
    full_sheet(release, "0067", rows)
    next(release.rglob("0067_light_hand.csv")).unlink()
    (release / "~$0001_openpose.xlsx").write_bytes(b"open elsewhere")
    store = bring(miga.source(release, release / "labels.csv"), tmp_path / "corpus")
    assert list(store.entries) == ["0001", "0004", "0067"]
    for id in ("0001", "0067"):
        recording = store.recording(id)
        expected = values[..., :2].copy()
        expected[7, 40] = 0
        np.testing.assert_allclose(recording.points, expected, rtol=1e-6)
        assert recording.present.tolist() == [False] * 2 + [True] * 38
        assert recording.valid[3].all()
        assert np.argwhere(~recording.valid[2:]).tolist() == [[3, 30], [5, 40]]
        assert store.entries[id].bad_points == 1
    assert store.entries["0004"].note == "light skeleton without face"
    assert not store.recording("0004").valid[:, FACE].any()
    assert "full OpenPose skeletons" in store.index.provenance
    assert "full OpenPose skeletons" in store.recording("0001").provenance


def test_gestures_are_kept(release, tmp_path):
    store = bring(miga.source(release, release / "labels.csv"), tmp_path / "corpus")
    for id in store.entries:
        assert store.recording(id).gestures.tolist() == [[2, 0, 10, 0], [31, 12, 20, 1], [30, 22, 29, 2]]


def test_fingers_at_the_other_wrist_are_swapped_and_noted(release, tmp_path):
    points = person()
    points[:, 25:] = points[:, [*range(30, 35), *range(25, 30)]]
    path = next(release.rglob("0001_light_hand.csv"))
    path.write_text(text(points))
    store = bring(miga.source(release, release / "labels.csv"), tmp_path / "corpus")
    straight, swapped = store.recording("0004"), store.recording("0001")
    np.testing.assert_array_equal(swapped.points, straight.points)
    assert "swapped" in store.entries["0001"].note
    unseen = person()
    unseen[:, 25:, 2] = 0
    assert not miga.to_layout(unseen.astype(np.float32))[1]


def test_left_out_frames_are_gaps(tmp_path):
    path = tmp_path / "0001_light_hand.csv"
    rows = text(person(), first=1).splitlines()
    path.write_text("\n".join(rows[:10] + rows[13:]))
    points = miga.read_points(path)
    assert points.shape == (30, 35, 3)
    assert not points[10:13].any()
    assert points[13].any()
    path.write_text(text(person(), header=COUNTED))
    assert miga.read_points(path).shape == (30, 35, 3)
    path.write_text("")
    assert miga.read_points(path).shape == (0, 35, 3)
    path.write_text(NAMED + "\n")
    assert miga.read_points(path).shape == (0, 35, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (text(person()[:, :25]), r"expected 106 columns .* found 76"),
        (text(person()).replace("\n5,", "\n3,"), "expected frame numbers that grow"),
        (text(person()).replace(",0.7\n", ",none\n", 3).replace("none", "0.7", 1), "expected numbers"),
    ],
)
def test_files_that_are_none_of_the_release(tmp_path, content, message):
    path = tmp_path / "0001_light_hand.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        miga.read_points(path)


def test_gestures_are_read_and_checked(release, tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("class,start,end\n3,0,10\n99,12,20\n31,22,400\n")
    assert miga.gestures(path).tolist() == [[2, 0, 10], [31, 12, 20], [30, 22, 400]]
    path.write_text("0,3,3\n")  # the challenge's lists of test clips
    assert miga.gestures(path).tolist() == [[-1, 3, 3]]
    for wrong in ("32,0,10\n", "3,12,10\n", "-1,0,10\n"):
        path.write_text(wrong)
        with pytest.raises(UsageError, match="expected classes 1–31 or 99 and ends after starts"):
            miga.gestures(path)
    path.write_text("3,a,10\n")
    with pytest.raises(UsageError, match="expected class, start, end"):
        miga.gestures(path)
    next(release.rglob("0001_label.csv")).write_text("3,0,10\n4,20,30\n")
    store = bring(miga.source(release, release / "labels.csv"), tmp_path / "corpus")
    assert store.entries["0001"].note == "1 gestures end after the last frame"


def test_releases_that_are_refused(release, tmp_path):
    with pytest.raises(UsageError, match="give the release's root"):
        miga.source(tmp_path / "nowhere", release / "labels.csv")
    with (release / "labels.csv").open("a") as stream:
        stream.write("9,2,Win\n")
    with pytest.raises(UsageError, match=r"none for 1 \(0009\)"):
        miga.source(release, release / "labels.csv")
    assert len(miga.source(release, release / "labels.csv", partial_release=True).videos) == 3
    again = tmp_path / "phase2/0001"
    again.mkdir(parents=True)
    (again / "0001_light_hand.csv").write_text(text(person()))
    with pytest.raises(UsageError, match="expected video 0001 once"):
        miga.source(release, release / "labels.csv", partial_release=True)
