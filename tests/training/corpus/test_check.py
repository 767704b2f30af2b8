"""The report counts what was written, finds what is wrong, and draws."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from stream.bundle.manifest import Extractor
from training.corpus.check import Report, report, table
from training.corpus.drawing import draw
from training.corpus.store import About, Split, Store, Writer
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate

ABOUT = About(
    name="made-up", provenance="a test", licence="Apache-2.0", simulated=True,
    extractors={"keypoints": Extractor(name="simulator", sha256="none")},
)  # fmt: skip


def made(seed, seconds=2.0, **changes):
    recording = simulate(PROFILES["standard"], seed % 2, seconds, seed)
    valid = np.ones_like(recording.valid)
    present = np.ones_like(recording.present)
    return replace(recording, valid=valid, present=present, points=recording.points + 1, **changes)


@pytest.fixture
def store(tmp_path):
    writer = Writer(tmp_path / "corpus", ABOUT)
    for seed in range(6):
        writer.add(f"r{seed}", made(seed, subject=f"s{seed // 2}"), source_rate=29.97 if seed else 25.0)
    gaps = made(6, seconds=4.0, label=-1)
    gaps.present[:25] = False
    gaps.valid[:, 95:] = False
    gaps.valid[:50, 25:95] = False
    writer.add("r6", gaps)
    writer.add("r7", made(0, subject="s7"))
    writer.add("r8", made(8, seconds=0.4))
    zero = made(9)
    zero.valid[:] = False
    writer.add("r9", zero)
    parts = {"train": ("r0", "r1"), "test": ("r2", "r3")}
    shared = {"train": ("r0", "r2"), "test": ("r1", "r3", "r4")}
    return writer.finish(
        {
            "ours": Split(subject_disjoint=True, parts=parts),
            "theirs": Split(subject_disjoint=False, parts=shared, note="published"),
        }
    )


def test_the_report_counts_what_was_written(store):
    seen = []
    found = report(store, seen.append)
    assert seen == [f"r{i}" for i in range(10)]
    assert (found.counts.recordings, found.counts.subjects, found.counts.unknown) == (10, 7, 1)
    assert (found.counts.win, found.counts.loss) == (4, 5)
    assert found.counts.hours * 3600 == pytest.approx(8 * 2.0 + 4.0 + 0.4)
    assert found.rates == {"25": 5, "29.97": 5}
    assert found.subjects == {1: 4, 2: 3}
    gaps = found.measured[6]
    assert gaps.absent == pytest.approx(0.25)
    assert gaps.missing == pytest.approx({"body": 0.25, "face": 0.5, "hands": 1.0})
    assert found.measured[9].absent == 1
    assert found.splits["ours"].parts["train"].recordings == 2
    assert found.splits["ours"].shared == ()
    assert found.splits["theirs"].shared == ("s0", "s1")
    assert found.problems == ("r0, r7: the same points under several ids",)
    assert found.remarks == ("r8: shorter than 25 ticks, training skips it", "r9: nobody in any frame")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == found


def test_the_table_says_what_matters(store):
    text = table(report(store))
    for line in (
        "made-up (simulated)",
        "  in all      10 recordings of 7 subjects, 0.01 h: 4 win, 5 loss, 1 unknown (44% win)",
        "split theirs, subject_disjoint: false; published",
        "  2 subjects in several parts: s0, s1",
        "problem: r0, r7: the same points under several ids",
        "note: r8: shorter than 25 ticks, training skips it",
    ):
        assert line in text.splitlines()


def test_leaks_and_damage_are_problems(store):
    index = store.folder / "index.json"
    index.write_bytes(index.read_bytes().replace(b'"subject_disjoint": false', b'"subject_disjoint": true'))
    path = store.folder / store.entries["r3"].file
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    problems = report(Store.open(store.folder)).problems
    assert "split theirs: leaks 2 subjects (s0, s1)" in problems
    assert "r3: the file is not what was written" in problems


def test_an_empty_corpus_is_no_error(tmp_path):
    store = Writer(tmp_path / "empty", ABOUT).finish({})
    found = report(store)
    assert "0 recordings of 0 subjects" in table(found)
    draw(found, tmp_path / "empty.png")
