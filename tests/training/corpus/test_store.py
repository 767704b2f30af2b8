"""The corpus on disk: what goes in comes out, in views; what is broken is said and nothing is lost."""

import json
from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest

from stream.bundle.manifest import Extractor
from stream.errors import UsageError
from training.corpus.recording import Recording
from training.corpus.store import About, Split, Store, Writer
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate

ABOUT = About(
    name="made-up",
    provenance="a test",
    licence="Apache-2.0",
    simulated=True,
    extractors={"keypoints": Extractor(name="simulator", sha256="0" * 64)},
)
ARRAYS = ("points", "valid", "boxes", "present", "segments", "features", "feature_mask", "llr")


def made(seed: int, seconds: float = 2.0, **changes) -> Recording:
    recording = simulate(PROFILES["standard"], seed % 2, seconds, seed)
    recording = replace(recording, present=recording.present & recording.valid.any(1))
    return replace(recording, **changes)


def same(a: Recording, b: Recording) -> bool:
    plain = [f.name for f in fields(Recording) if f.name not in ARRAYS]
    arrays = all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ARRAYS if getattr(a, n) is not None)
    absent = all((getattr(a, n) is None) == (getattr(b, n) is None) for n in ARRAYS)
    return arrays and absent and all(getattr(a, n) == getattr(b, n) for n in plain)


@pytest.fixture
def written(tmp_path):
    writer = Writer(tmp_path, ABOUT)
    for seed in range(4):
        writer.add(f"r{seed}", made(seed))
    parts = {"train": ("r0", "r1"), "test": ("r2", "r3")}
    return writer.finish({"disjoint": Split(subject_disjoint=True, parts=parts)})


def test_what_goes_in_comes_out(tmp_path):
    features = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
    mask = np.arange(10) % 3 > 0
    features[~mask] = 0
    rich = made(1, features=features, feature_mask=mask, text="He smiles; “déjà vu”.", mixed=True)
    bare = made(2, text=None, label=-1, llr=None, segments=np.arange(50) // 20)
    writer = Writer(tmp_path, ABOUT)
    writer.add("rich", rich, source_rate=29.97, note="by hand")
    writer.add("bare", bare)
    store = writer.finish({})
    assert same(store.recording("rich"), rich)
    assert same(store.recording("bare"), bare)
    entry = store.entries["rich"]
    assert (entry.ticks, entry.seconds, entry.source_rate, entry.text, entry.features, entry.note) == (
        50, 2.0, 29.97, True, 6, "by hand",
    )  # fmt: skip
    assert entry.label == 1
    assert store.entries["bare"].label is None
    assert entry.size == (tmp_path / entry.file).stat().st_size
    assert store.index.extractors["keypoints"].name == "simulator"


def test_parts_are_read_by_name(written):
    assert written.ids("disjoint", "test") == ("r2", "r3")
    with pytest.raises(UsageError, match=r"disjoint/train, disjoint/test.*found disjoint/validation"):
        written.ids("disjoint", "validation")
    with pytest.raises(UsageError, match=r"expected an id of index\.json, found r9"):
        written.recording("r9")


def test_a_stopped_import_continues_without_writing_again(tmp_path):
    writer = Writer(tmp_path, ABOUT)
    writer.add("r0", made(0))
    path = tmp_path / "recordings" / "r0.safetensors"
    before = path.stat().st_mtime_ns
    with pytest.raises(UsageError, match="half-written one of 1 recordings; run the same import again"):
        Store.open(tmp_path)
    again = Writer(tmp_path, ABOUT)
    assert again.has("r0")
    assert not again.has("r1")
    again.add("r1", made(1))
    store = again.finish({})
    assert path.stat().st_mtime_ns == before
    assert sorted(store.entries) == ["r0", "r1"]
    assert store.entries["r0"] == writer.entries()[0]


def test_a_write_that_fails_leaves_no_recording(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError("disk full")

    writer = Writer(tmp_path, ABOUT)
    monkeypatch.setattr("stream.files.os.replace", fails)
    with pytest.raises(OSError, match="disk full"):
        writer.add("r0", made(0))
    monkeypatch.undo()
    assert not writer.has("r0")
    assert writer.entries() == ()
    writer.add("r0", made(0))
    assert same(writer.finish({}).recording("r0"), made(0))


@pytest.mark.parametrize("cut", ["gone", "short", "header"])
def test_a_missing_or_cut_file_is_named_and_written_again(written, cut):
    path = written.folder / written.entries["r2"].file
    whole = path.read_bytes()
    if cut == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[: len(whole) // 2 if cut == "short" else 30])
    with pytest.raises(UsageError, match=r"4 whole recordings, found 1 missing or cut \(r2\)"):
        Store.open(written.folder)
    writer = Writer(written.folder, ABOUT)
    assert not writer.has("r2")
    if cut != "gone":
        with pytest.raises(UsageError, match="found a cut one"):
            writer.finish({})
        with pytest.raises(UsageError, match="found a cut one"):
            written.recording("r2")
    writer.add("r2", made(2))
    assert path.read_bytes() == whole
    assert same(writer.finish({}).recording("r2"), made(2))


def test_folders_that_are_no_corpus(tmp_path, written):
    with pytest.raises(UsageError, match="found none; give the folder of an import"):
        Store.open(tmp_path / "nowhere")
    index = written.folder / "index.json"
    raw = json.loads(index.read_bytes())
    index.write_text(json.dumps(raw | {"schema": 9}))
    with pytest.raises(UsageError, match="expected corpus schema 1, found 9"):
        Store.open(written.folder)
    for broken in (json.dumps(raw | {"extra": 1}), index.read_text()[:40], "[]"):
        index.write_text(broken)
        with pytest.raises(UsageError, match="found a malformed one"):
            Store.open(written.folder)
    other = msgspec.structs.replace(ABOUT, name="other")
    with pytest.raises(UsageError, match=r"expected a corpus of other .* found one of made-up"):
        Writer(written.folder, other)


def test_what_the_writer_refuses(tmp_path, written):
    writer = Writer(tmp_path / "new", ABOUT)
    writer.add("r0", made(0))
    with pytest.raises(UsageError, match="r0: expected an id of its own"):
        writer.add("r0", made(1))
    for id in ("", "../r1", ".r1", "a/b", "a\nb"):
        with pytest.raises(UsageError, match="expected an id that can name a file"):
            writer.add(id, made(1))
    with pytest.raises(UsageError, match=r"expected boxes as float32 \[50, 4\], found float64 \[50, 4\]"):
        writer.add("r1", made(1, boxes=np.zeros((50, 4))))
    with pytest.raises(UsageError, match=r"expected llr as float32 \[50\], found float32 \[49\]"):
        writer.add("r1", made(1, llr=np.zeros(49, np.float32)))
    with pytest.raises(UsageError, match=r"split s: .* found 1 unknown \(r7\)"):
        writer.finish({"s": Split(subject_disjoint=True, parts={"train": ("r0", "r7")})})
    with pytest.raises(UsageError, match="half-written"):
        Store.open(tmp_path / "new")


def test_a_split_that_shares_a_subject_is_refused(tmp_path):
    writer = Writer(tmp_path, ABOUT)
    for seed in range(3):
        writer.add(f"r{seed}", made(seed, subject="anna" if seed else "ben"))
    parts = {"train": ("r0", "r1"), "test": ("r2",)}
    with pytest.raises(UsageError, match=r"found 1 in several \(anna\); split by subject"):
        writer.finish({"s": Split(subject_disjoint=True, parts=parts)})
    store = writer.finish({"s": Split(subject_disjoint=False, parts=parts)})
    assert store.ids("s", "test") == ("r2",)
    index = tmp_path / "index.json"
    index.write_bytes(index.read_bytes().replace(b'"subject_disjoint": false', b'"subject_disjoint": true'))
    with pytest.raises(UsageError, match="anna"):
        Store.open(tmp_path).ids("s", "test")
    twice = Split(subject_disjoint=False, parts={"train": ("r0", "r1"), "test": ("r1",)})
    with pytest.raises(UsageError, match=r"every recording once, found r1 more than once"):
        writer.finish({"s": twice})
