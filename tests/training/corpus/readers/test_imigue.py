"""The Oulu release: small made-up files of exactly its shape."""

import shutil

import numpy as np
import openpyxl
import pytest

from stream.errors import UsageError
from training.corpus.readers import imigue
from training.corpus.readers.importing import bring
from training.corpus.store import Store

HEADER = (
    "video_id,label_id,start_time,start_frame,end_time,end_frame,class,subject_id,subject_gender,"
    "subject_nationality,win_or_lose"
)


def sheet(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path)


def person(count: int, seed: int = 0) -> np.ndarray:
    """float64 [F, 411] with the first two frames lost by OpenPose."""
    values = np.random.default_rng(seed).uniform(100, 700, (count, 137, 3)).round(2)
    values[..., 2] = 0.5
    values[:2] = 0
    return values.reshape(count, 411)


def gestures(video, subject, result, rate=25.0, n=4, shift=0.0):
    rows = []
    for i in range(1, n + 1):
        start, end = 100 * i, 100 * i + 50
        kind = 99 if i % 3 == 0 else i
        times = f"{start / rate + shift:.2f},{start},{end / rate + shift:.2f},{end}"
        rows.append(f"{video},{i},{times},{kind},{subject},F,Finland,{result}")
    return rows


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Six videos of five subjects; 347 is empty, 348 has no bytes."""
    root = tmp_path_factory.mktemp("imigue")
    rows = []
    for video, subject, result in ((1, 2, "Win"), (4, 4, "Lose"), (67, 3, "Lose"), (72, 7, "Win")):
        sheet(root / f"mg_skeleton_only/{video:04d}/{video:04d}_2.xlsx", person(40, video))
        rows += gestures(video, subject, result)
    sheet(root / "mg_skeleton_only/0347/0347_2.xlsx", [])
    empty = root / "mg_skeleton_only/0348/0348_2.xlsx"
    empty.parent.mkdir()
    empty.touch()
    rows += gestures(347, 2, "Win") + gestures(348, 5, "Win", rate=29.97)
    (root / "Label").mkdir()
    (root / "Label" / "labels_20200831.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return root


@pytest.fixture
def release(written, tmp_path):
    return shutil.copytree(written, tmp_path / "release")


def labels(root, rows):
    (root / "Label" / "labels_20200831.csv").write_text("\n".join([HEADER, *rows]) + "\n")


def test_a_release_becomes_a_corpus(release, tmp_path):
    seen = []
    store = bring(imigue.source(release), tmp_path / "corpus", seen.append)
    assert seen == ["0001", "0004", "0067", "0072", "0347", "0348"]
    assert {e.id: e.label for e in store.index.entries} == {
        "0001": 1, "0004": 0, "0067": 0, "0072": 1, "0347": 1, "0348": 1,
    }  # fmt: skip
    recording = store.recording("0067")
    expected = person(40, 67).reshape(40, 137, 3)
    np.testing.assert_allclose(recording.points[2:], expected[2:, :, :2], rtol=1e-6)
    assert recording.present.tolist() == [False] * 2 + [True] * 38
    assert recording.subject == "3"
    assert store.index.extractors["keypoints"].name.startswith("OpenPose")
    assert "no portrait box came with them" in store.index.provenance
    assert store.entries["0001"].source_rate == 25.0
    assert store.entries["0348"].source_rate == 29.97
    for id in ("0347", "0348"):
        assert store.entries[id].ticks == 0
        assert "empty skeleton file" in store.entries[id].note
    assert set(store.index.splits) == {"track3", "cvpr2021", "disjoint"}
    assert store.ids("track3", "test") == ("0067", "0072")
    assert store.ids("track3", "train") == ("0001", "0004", "0347", "0348")
    assert store.ids("cvpr2021", "train") == ("0001", "0067")
    assert store.ids("cvpr2021", "test") == ("0072",)


def test_gestures_are_kept_on_the_grid(release, tmp_path):
    rows = gestures(1, 2, "Win", n=3) + gestures(4, 4, "Lose", rate=50.0, n=2)
    rows.insert(1, "1,9,1.2,30,0.8,20,5,2,F,Finland,Win")  # ends before it begins
    labels(release, rows)
    store = bring(imigue.source(release), tmp_path / "corpus")
    assert store.recording("0001").gestures.tolist() == [
        [0, 100, 150, 0],
        [1, 200, 250, 2],
        [31, 300, 350, 3],
    ]
    assert store.recording("0004").gestures.tolist() == [[0, 50, 75, 0], [1, 100, 125, 1]]
    assert store.recording("0067").gestures is None
    note = store.entries["0001"].note
    assert "1 gestures end before they begin and were left out" in note
    assert "3 gestures end after the last frame" in note


def test_an_import_that_was_stopped_continues(release, tmp_path, monkeypatch):
    corpus, read, calls = tmp_path / "corpus", imigue.read_sheet, []

    def stops(path):
        calls.append(path.parent.name)
        if path.parent.name == "0067" and len(calls) == 3:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(imigue, "read_sheet", stops)
    with pytest.raises(KeyboardInterrupt):
        bring(imigue.source(release), corpus)
    with pytest.raises(UsageError, match="half-written one of 2 recordings"):
        Store.open(corpus)
    store = bring(imigue.source(release), corpus)
    assert calls == ["0001", "0004", "0067", "0067", "0072", "0347", "0348"]
    assert len(store.entries) == 6
    whole = bring(imigue.source(release), tmp_path / "at once")
    assert whole.index == store.index


def test_corrected_labels_reach_a_corpus_that_is_there(release, tmp_path):
    corpus, kept, made = tmp_path / "corpus", "0001", []
    before = bring(imigue.source(release), corpus, corrected=made.append)
    assert made == []
    time = (corpus / before.entries[kept].file).stat().st_mtime_ns
    labels(
        release,
        [
            *gestures(1, 2, "Win"),
            *gestures(4, 4, "Win"),  # was Lose
            *gestures(67, 8, "Lose"),  # was subject 3
            *gestures(347, 2, "Win"),
            *gestures(348, 5, "Win", rate=29.97),
        ],
    )  # 72 has no row any more
    after = bring(imigue.source(release), corpus, corrected=made.append)
    assert made == ["0004", "0067", "0072"]
    assert (corpus / before.entries[kept].file).stat().st_mtime_ns == time
    assert after.index == bring(imigue.source(release), tmp_path / "new").index
    assert after.entries["0004"].label == 1
    assert after.recording("0067").subject == "8"
    assert after.entries["0072"].label is None
    assert after.entries["0072"].note.startswith("not in the label file")


def test_labels_of_videos_that_are_not_there(release):
    rows = gestures(1, 2, "Win") + gestures(9, 2, "Win") + gestures(10, 2, "Win")
    labels(release, rows)
    with pytest.raises(UsageError, match=r"none for 2 \(0009, 0010\); add these"):
        imigue.source(release)
    assert len(imigue.source(release, partial_release=True).videos) == 6


def test_a_video_without_a_row_is_kept_without_label(release, tmp_path):
    labels(release, gestures(1, 2, "Win"))
    entry = bring(imigue.source(release), tmp_path / "corpus").entries["0004"]
    assert (entry.label, entry.subject) == (None, "unknown-0004")
    assert entry.note == "not in the label file; rate not checked"


def test_frames_are_held_against_times(release):
    path = release / "Label" / "labels_20200831.csv"
    rows = gestures(1, 2, "Win", rate=30.0) + gestures(4, 4, "Lose", rate=23.976) + gestures(67, 3, "Lose")
    rows.append("67,9,90.0,100,91.0,125,3,3,F,Finland,Lose")
    rows += [row.replace("69,1,4.00", "69,1,0:04.00") for row in gestures(69, 7, "Win")]
    rows += gestures(70, 7, "Win", rate=17.0)
    labels(release, rows)
    found = imigue.rates(path)
    assert found["0001"] == (30.0, "")
    assert found["0004"] == (23.976, "")
    assert found["0067"] == (25.0, "2 of 10 frames and times disagree")
    assert found["0069"] == (25.0, "")
    assert found["0070"] == (25.0, "frames and times give 17.00 a second, no usual rate; taken as 25")
    labels(
        release, gestures(1, 2, "Win", rate=17.0) + gestures(4, 2, "Win", rate=1.0) + gestures(67, 3, "Win")
    )
    with pytest.raises(UsageError, match="found that they disagree in 2 of 3 videos; check the units"):
        imigue.rates(path)
    assert imigue.seconds("1:02:03.5") == 3723.5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,1,4.0,100,6.0,150,32,2,F,Finland,Win", "line 2: .* found class 32, expected 1–31 or 99"),
        ("1,1,soon,100,6.0,150,3,2,F,Finland,Win", "line 2: .* could not convert string to float: 'soon'"),
    ],
)
def test_rows_that_are_none_of_the_release(release, row, message):
    labels(release, [row])
    with pytest.raises(UsageError, match=message):
        imigue.source(release, partial_release=True)


def test_sheets_that_are_none_of_the_release(release, tmp_path):
    path = tmp_path / "0001_2.xlsx"
    sheet(path, person(3)[:, :405])
    with pytest.raises(UsageError, match=r"expected 411 columns .* found 405"):
        imigue.read_sheet(path)
    path.write_bytes(b"PK no spreadsheet")
    with pytest.raises(UsageError, match="expected a spreadsheet, found none"):
        imigue.read_sheet(path)
    with pytest.raises(UsageError, match="give the release's root"):
        imigue.source(tmp_path / "release" / "Label")


def test_cells_without_numbers_are_counted(release, tmp_path):
    rows = [list(row) for row in person(30)]
    rows[5][0], rows[6][4] = "n/a", None
    sheet(release / "mg_skeleton_only/0001/0001_2.xlsx", rows)
    entry = bring(imigue.source(release), tmp_path / "corpus").entries["0001"]
    assert entry.bad_points == 2
    assert "2 points were not finite numbers" in entry.note


def test_empty_cells_before_the_first_number_keep_their_place(tmp_path):
    rows = [list(row) for row in person(6)]
    rows[0] = rows[1] = [None] * 411
    for row in rows:
        row[0] = None
    sheet(tmp_path / "0001_2.xlsx", rows)
    frames = imigue.read_sheet(tmp_path / "0001_2.xlsx")
    assert frames.shape == (6, 137, 3)
    assert np.isnan(frames[:2]).all()
    np.testing.assert_allclose(frames[2:].reshape(4, 411)[:, 1:], person(6)[2:, 1:], rtol=1e-6)
