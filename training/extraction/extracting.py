"""``undertone-training extract``: videos → a corpus, in worker processes; an interrupted run resumes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from stream.branches.image import ImageEncoder
from stream.bundle import model_cache
from stream.cli.terminal import say
from stream.errors import SourceError, UsageError
from stream.records import Floats, Image
from stream.runtime.front_end_choice import Choice
from training.corpus import files, labels, protocols, published
from training.corpus.grid import RATE
from training.corpus.index import RECORDINGS, About, listed
from training.corpus.labels import Label
from training.corpus.readers.imigue import video_id
from training.corpus.store import Store, Writer
from training.extraction import frames, videos
from training.extraction.workers import Failed, Report, spread

if TYPE_CHECKING:  # it loads torch
    from training.model.portrait_encoder import PortraitEncoder

TASK = TaskID(0)


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Options of the command; see ``undertone-training extract --help``."""

    videos: Path
    labels: Path
    out: Path
    workers: int | None = None
    encoder: str | None = None
    frames: int = 0
    partial_release: bool = False
    licence: str = "not stated"
    seed: int = 0
    imigue: bool = False  # the videos are iMiGUE's, by number: add its published splits
    choice: Choice = field(
        default_factory=Choice
    )  # networks of the front end; its image encoder or ``encoder``

    def __post_init__(self) -> None:
        if self.encoder and self.choice.image:
            raise UsageError(
                "--encoder: expected it or --image, found both; give the weights or the exported model."
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    id: str
    path: Path
    label: Label
    frames: int  # portraits to store, 0 for none
    existing: Path | None  # recording of an earlier run; only the portraits are missing


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    video: videos.ExtractedVideo | None
    frames: Image | None


def run(options: Options) -> Store:
    """Extract the missing videos, then write the index with our own split by subject, or iMiGUE's on request.

    Raises UsageError for labels of unknown videos; SourceError, after everything else is written and indexed,
    naming the videos that failed.
    """
    found = videos.find(options.videos)
    named = videos.read_labels(options.labels, found)
    if options.imigue:  # a label file may write 7 for 0007
        named = {video_id(id): label for id, label in named.items()}
    if not options.partial_release:
        labels.check_known(named, found, options.labels)
    choice = options.choice
    if choice.detector_model is None or choice.keypoints_model is None:
        model_cache.locate(model_cache.HOLISTIC.name)
    choice.prove("cpu", say)
    writer = Writer(options.out, _about(options))
    jobs = [job for id, path in found.items() if (job := _job(writer, options, id, path, named))]
    failed: list[str] = []
    workers = options.workers or max(1, _cores() // 2)  # each also has a decoder
    setup = partial(_Work, options.encoder, options.choice, max(1, _cores() // workers))
    seconds: dict[str, float] = {}
    with _bar(len(found), len(found) - len(jobs)) as progress:

        def report(job: _Job, done_s: float) -> None:
            seconds[job.id] = done_s
            progress.update(TASK, seconds=sum(seconds.values()), description=f"extract {job.id}")

        for job, result in spread(jobs, setup, workers, report):
            try:
                if isinstance(result, Failed):
                    raise SourceError(result)
                _store(writer, job, result, labels.of(named, job.id)[1])
            except (SourceError, UsageError) as error:
                failed.append(job.id)
                progress.console.print(f"{job.id}: {error}", markup=False, highlight=False, soft_wrap=True)
            progress.advance(TASK)
    entries = writer.entries()
    videos.check_same(writer, (e.id for e in entries), named, options.labels)
    split = published.imigue_splits if options.imigue else protocols.own_split
    store = writer.finish(split(entries, options.seed))
    if failed:
        raise SourceError(
            f"{options.videos}: expected {len(found)} videos that can be read, found {len(failed)} that "
            f"cannot ({listed(failed)}); the corpus holds the others, repair these and run the command again."
        )
    return store


def summary(store: Store) -> str:
    """The content of a corpus in one line."""
    splits = ", ".join(store.index.splits) or "none, there are too few labelled subjects"
    noted = sum(bool(entry.note) for entry in store.index.entries)
    return f"{store.folder}: {len(store.entries)} recordings, {noted} with a note; splits: {splits}"


def _about(options: Options) -> About:
    choice = options.choice
    extractors = {"keypoints": choice.extractor}
    if (image := choice.image_extractor) is not None:
        extractors["image"] = image
    elif options.encoder:
        from training.model import portrait_encoder

        extractors["image"] = portrait_encoder.load(options.encoder).extractor
    name = options.videos.resolve().name
    found_by = f", people found by {choice.detector_model.name}" if choice.detector_model else ""
    return About(
        name=name,
        provenance=f"videos of {name}, through undertone's own front end{found_by}",
        licence=options.licence,
        simulated=False,
        extractors=extractors,
        rate=RATE,
    )


def _job(writer: Writer, options: Options, id: str, path: Path, named: dict[str, Label]) -> _Job | None:
    """The remaining work for a video, or None."""
    has_recording = writer.has(id)
    has_frames = not options.frames or frames.read(options.out, id, options.frames) is not None
    if has_recording and has_frames:
        return None
    existing = options.out / RECORDINGS / f"{id}.safetensors" if has_recording else None
    return _Job(id, path, labels.of(named, id)[0], 0 if has_frames else options.frames, existing)


def _store(writer: Writer, job: _Job, result: _Result, note: str) -> None:
    if result.video is not None:
        notes = "; ".join(filter(None, (note, result.video.note)))
        writer.add(job.id, result.video.recording, source_rate=result.video.rate, note=notes)
    if result.frames is not None:
        frames.write(writer.folder, job.id, result.frames)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _bar(total: int, completed: int) -> Iterator[Progress]:
    """A progress bar on stderr: videos done, and seconds of video processed."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[seconds]:.0f} s of video"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        progress.add_task("extract", total=total, completed=completed, seconds=0.0)
        yield progress


class _Exported:
    """An exported image encoder, one image at a time, as it runs live."""

    def __init__(self, encoder: ImageEncoder) -> None:
        self._encoder, self.size = encoder, encoder.spec.size

    def __call__(self, images: Image) -> Floats:
        """Portraits uint8 [N, S, S, 3] → float32 [N, D]."""
        return np.array([self._encoder(image) for image in images], np.float32).reshape(len(images), -1)


class _Work:
    """The work of one process, with its own front end."""

    def __init__(self, encoder: str | None, choice: Choice, threads: int) -> None:
        import cv2

        cv2.setNumThreads(threads)
        self._front_end = choice.build(threads=threads)
        exported = choice.encoder(threads=threads)
        self._encoder: PortraitEncoder | _Exported | None = _Exported(exported) if exported else None
        if encoder:
            import torch

            from training.model import portrait_encoder

            torch.set_num_threads(threads)
            loaded = portrait_encoder.load(encoder)
            loaded.dinov2.to("cuda" if torch.cuda.is_available() else "cpu")
            self._encoder = loaded

    def __call__(self, job: _Job, report: Report) -> _Result:
        if job.existing:  # only the portraits are missing
            return _Result(None, frames.pick(job.path, files.read(job.existing), job.frames))
        video = self._extract(job, report)
        return _Result(video, frames.pick(job.path, video.recording, job.frames) if job.frames else None)

    def _extract(self, job: _Job, report: Report) -> videos.ExtractedVideo:
        size = self._encoder.size if self._encoder else 0
        return videos.extract(
            job.path, job.label, self._front_end, encode=self._encoder, size=size, report=report
        )
