"""Made-up people on disk: resumable, one world a folder, pictures of the same scenes."""

import pytest

from stream.errors import UsageError
from training.gestures.clips import index_of
from training.gestures.simulator import as_corpus
from training.gestures.simulator.scenes import World

WORLD = World(seconds=20.0)


def test_a_corpus_of_people_who_gesture(tmp_path):
    store = as_corpus.write(tmp_path / "c", "made", WORLD, 6, seed=10)
    assert list(store.entries) == [f"made-{i:05d}" for i in range(10, 16)]
    assert store.index.simulated
    assert {clip.label for clip in index_of(store)} <= set(WORLD.labels)
    assert as_corpus.world_of(tmp_path / "c") == WORLD
    assert as_corpus.seed_of("made-00012") == 12
    more = as_corpus.write(tmp_path / "c", "made", WORLD, 7, seed=10)
    assert len(more.entries) == 7
    with pytest.raises(UsageError, match="expected people of one world"):
        as_corpus.write(tmp_path / "c", "made", World(seconds=30.0), 6, seed=10)
    (tmp_path / "c" / "world.json").write_text("{}{")
    with pytest.raises(UsageError, match="expected the world of made-up people"):
        as_corpus.world_of(tmp_path / "c")
    assert as_corpus.world_of(tmp_path) is None
    with pytest.raises(UsageError, match="expected a made-up video"):
        as_corpus.seed_of("interview")
