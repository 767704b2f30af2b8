"""An import takes up what is there, reads what is missing and writes the index last."""

import pytest

from stream.errors import SourceError, UsageError
from training.corpus.index import INDEX
from training.corpus.readers.importing import Source, Video, bring
from training.corpus.store import Store
from training.simulator import as_corpus


def counted(source: Source, read: list[str], broken: str = "") -> Source:
    """The same source; ``read`` is told what is read, and ``broken`` cannot be."""

    def reader(video):
        def of():
            read.append(video.id)
            if video.id == broken:
                raise SourceError("expected a video, found none; repair it.")
            return video.read()

        return of

    return Source(source.about, [Video(v.id, reader(v)) for v in source.videos], source.splits)


def test_a_stopped_import_reads_only_what_is_missing_and_then_writes_the_index(tmp_path):
    source, read, told = as_corpus.source("made", recordings=3, seconds=1.2), [], []
    with pytest.raises(SourceError):
        bring(counted(source, read, broken="made-00001"), tmp_path)
    assert read == ["made-00000", "made-00001"]
    assert not (tmp_path / INDEX).exists()
    with pytest.raises(UsageError, match="half-written one of 1 recordings"):
        Store.open(tmp_path)
    del read[:]
    store = bring(counted(source, read), tmp_path, told.append)
    assert read == ["made-00001", "made-00002"]
    assert told == list(store.entries) == ["made-00000", "made-00001", "made-00002"]
    assert (tmp_path / INDEX).exists()


def test_rate_and_note_of_a_video_are_kept(tmp_path):
    made = as_corpus.source("made", recordings=1, seconds=1.2)
    recording, _, _ = made.videos[0].read()
    store = bring(
        Source(made.about, [Video("a", lambda: (recording, 29.97, "by hand"))], lambda _: {}), tmp_path
    )
    assert (store.entries["a"].source_rate, store.entries["a"].note) == (29.97, "by hand")
