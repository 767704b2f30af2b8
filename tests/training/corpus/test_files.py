"""A recording's file: read as views, whole or not at all, and enough to know what it is."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from stream.bundle.manifest import Extractor
from stream.errors import UsageError
from training.corpus import files
from training.corpus.recording import Recording
from training.corpus.store import About, Store, Writer
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate

ABOUT = About(
    name="made-up",
    provenance="a test",
    licence="Apache-2.0",
    simulated=True,
    extractors={"keypoints": Extractor(name="simulator", sha256="0" * 64)},
)


def made(seed: int, seconds: float = 2.0, **changes) -> Recording:
    recording = simulate(PROFILES["standard"], seed % 2, seconds, seed)
    recording = replace(recording, present=recording.present & recording.valid.any(1))
    return replace(recording, **changes)


def test_arrays_are_views_into_the_file(tmp_path):
    writer = Writer(tmp_path, ABOUT)
    writer.add("long", made(0, seconds=200.0))
    size = writer.finish({}).entries["long"].size
    assert size > 5_000_000
    tracemalloc.start()
    try:
        recording = Store.open(tmp_path).recording("long")
        middle = recording.points[2000:2010].sum()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.isfinite(middle)
    assert peak < size / 20
    for name in ("points", "valid", "boxes"):
        array = getattr(recording, name)
        assert not array.flags.writeable
        assert not array.flags.owndata
        while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
            array = array.base
        assert isinstance(array, np.memmap)


def test_a_file_alone_says_whose_it_is(tmp_path):
    writer = Writer(tmp_path, ABOUT)
    entry = writer.add("r1", made(1, label=-1, text="He smiles."))
    path = tmp_path / entry.file
    alone, indexed = files.read(path), files.read(path, entry)
    assert (alone.label, alone.subject, alone.text) == (-1, "simulated-1", "He smiles.")
    assert (indexed.label, indexed.subject) == (alone.label, alone.subject)
    assert np.array_equal(alone.points, indexed.points)
    assert files.entry_of(path) == entry


@pytest.mark.parametrize("left", [0, 7, 200, -1])
def test_a_cut_file_is_no_recording(tmp_path, left):
    writer = Writer(tmp_path, ABOUT)
    path = tmp_path / writer.add("r1", made(1)).file
    path.write_bytes(path.read_bytes()[:left])
    assert not files.whole(path)
    assert files.entry_of(path) is None
    with pytest.raises(UsageError, match="expected a whole recording, found a cut one"):
        files.read(path)
