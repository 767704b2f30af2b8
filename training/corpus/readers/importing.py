"""The loop that every import runs: what is there is kept unless its label was corrected, what is missing is
read, the index comes last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.corpus.index import About, Entry, Split
from training.corpus.labels import Label
from training.corpus.recording import Recording
from training.corpus.store import Store, Writer


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """One video to import; ``read`` reads it on demand."""

    id: str
    read: Callable[[], tuple[Recording, float, str]]  # recording, frames per second of the source, note
    label: Label | None = None  # what the label file says now; None where there is no such file


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A data set to import."""

    about: About
    videos: Sequence[Video]
    splits: Callable[[Sequence[Entry]], dict[str, Split]]


def bring(
    source: Source,
    folder: str | Path,
    progress: Callable[[str], None] = lambda id: None,
    corrected: Callable[[str], None] = lambda id: None,
) -> Store:
    """Import a source into a folder, going on where an earlier run ended. Raises what readers raise.

    ``progress`` is told the id of every video that is there, ``corrected`` that of every one whose subject,
    result or text is another than when an earlier run made it: it is made again.
    """
    writer = Writer(folder, source.about)
    for video in source.videos:
        there = writer.has(video.id)
        other = there and video.label is not None and writer.label(video.id) != video.label
        if other or not there:
            recording, rate, note = video.read()
            writer.add(video.id, recording, source_rate=rate, note=note, again=other)
        if other:
            corrected(video.id)
        progress(video.id)
    return writer.finish(source.splits(writer.entries()))
