"""A report on a corpus: counts, balance, missing data, leaks between splits, anomalies."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stream.bundle.manifest import Extractor, Record
from stream.files import sha256_of
from stream.skeleton import GROUPS
from training.corpus import gesture_counts
from training.corpus.gesture_counts import GestureCounts
from training.corpus.index import Entry, Split, listed
from training.corpus.protocols import shared_subjects
from training.corpus.recording import Recording
from training.corpus.store import Store


class Counts(Record, frozen=True, kw_only=True):
    """Counts of a corpus, or of one part of a split."""

    recordings: int
    subjects: int
    win: int
    loss: int
    unknown: int
    hours: float


class Measured(Record, frozen=True, kw_only=True):
    """One recording; shares of its ticks, 0..1."""

    id: str
    label: int | None
    seconds: float
    absent: float  # no person was found
    missing: dict[str, float]  # no point of the group is valid


class Part(Record, frozen=True, kw_only=True):
    """One split: its parts, and the subjects that occur in several of them."""

    subject_disjoint: bool
    note: str
    parts: dict[str, Counts]
    shared: tuple[str, ...]


# One field per item of the printed report.
class Report(Record, frozen=True, kw_only=True):
    """``undertone-training corpus check --json``."""

    name: str
    provenance: str
    licence: str
    simulated: bool
    extractors: dict[str, Extractor]
    counts: Counts
    subjects: dict[int, int]  # subjects by number of their recordings
    rates: dict[str, int]  # recordings by frames per second of their source
    texts: int
    features: dict[int, int]  # recordings by width of their image features
    splits: dict[str, Part]
    measured: tuple[Measured, ...]
    problems: tuple[str, ...]  # must be fixed
    remarks: tuple[str, ...]  # should be known
    gestures: GestureCounts | None = None  # of the annotated recordings


@dataclass(frozen=True, slots=True, eq=False)
class _Inspected:
    measured: Measured
    content: str  # hash of the points
    intact: bool  # the file is unchanged since it was written
    gestures: gesture_counts.Looked | None


def report(store: Store, progress: Callable[[str], None] = lambda id: None) -> Report:
    """Read every recording once. ``progress`` is called with the id of each finished one."""
    entries = store.index.entries
    inspected = []
    for entry in entries:
        inspected.append(_inspect(store, entry))
        progress(entry.id)
    splits = {name: _part(split, entries) for name, split in store.index.splits.items()}
    index = store.index
    return Report(
        name=index.name,
        provenance=index.provenance,
        licence=index.licence,
        simulated=index.simulated,
        extractors=index.extractors,
        counts=_counts(entries),
        subjects=dict(sorted(Counter(Counter(e.subject for e in entries).values()).items())),
        rates=dict(sorted(Counter(f"{e.source_rate:g}" for e in entries).items())),
        texts=sum(e.text for e in entries),
        features=dict(sorted(Counter(e.features for e in entries).items())),
        splits=splits,
        measured=tuple(one.measured for one in inspected),
        problems=tuple(_problems(inspected, splits)),
        remarks=tuple(f"{e.id}: {e.note}" for e in entries if e.note),
        gestures=gesture_counts.counts(one.gestures for one in inspected),
    )


def _inspect(store: Store, entry: Entry) -> _Inspected:
    recording = store.recording(entry.id)
    return _Inspected(
        measured=measure(entry, recording),
        content=hashlib.sha256(np.ascontiguousarray(recording.points).tobytes()).hexdigest(),
        intact=sha256_of(store.folder / entry.file) == entry.sha256,
        gestures=gesture_counts.look(recording),
    )


def measure(entry: Entry, recording: Recording) -> Measured:
    """Shares of ticks without a person, and without any point of a group; 1 for an empty recording."""
    seen = recording.valid & recording.present[:, None]
    ticks = max(recording.ticks, 1)
    return Measured(
        id=entry.id,
        label=entry.label,
        seconds=entry.seconds,
        absent=1 - float(recording.present.sum()) / ticks,
        missing={name: 1 - float(seen[:, group].any(1).sum()) / ticks for name, group in GROUPS.items()},
    )


def _counts(entries: tuple[Entry, ...] | list[Entry]) -> Counts:
    labels = Counter(e.label for e in entries)
    return Counts(
        recordings=len(entries),
        subjects=len({e.subject for e in entries}),
        win=labels[1],
        loss=labels[0],
        unknown=labels[None],
        hours=sum(e.seconds for e in entries) / 3600,
    )


def _part(split: Split, entries: tuple[Entry, ...]) -> Part:
    by_id = {e.id: e for e in entries}
    return Part(
        subject_disjoint=split.subject_disjoint,
        note=split.note,
        parts={part: _counts([by_id[id] for id in ids]) for part, ids in split.parts.items()},
        shared=tuple(shared_subjects(split, entries)),
    )


def _problems(inspected: list[_Inspected], splits: dict[str, Part]) -> list[str]:
    same = defaultdict(list)
    for one in inspected:
        if one.measured.seconds and one.measured.absent < 1:
            same[one.content].append(one.measured.id)
    problems = [f"{listed(ids)}: the same points under several ids" for ids in same.values() if len(ids) > 1]
    problems += [
        f"{one.measured.id}: the file is not what was written" for one in inspected if not one.intact
    ]
    for name, split in splits.items():
        if split.subject_disjoint and split.shared:
            problems.append(f"split {name}: leaks {len(split.shared)} subjects ({listed(split.shared)})")
    return problems


def table(report: Report) -> str:
    """The report as text, one fact per line."""
    lines = [
        f"{report.name}{' (simulated)' if report.simulated else ''}",
        f"  from        {report.provenance}",
        f"  licence     {report.licence}",
        *(f"  {kind:<11} {e.name}, sha256 {e.sha256[:12]}" for kind, e in report.extractors.items()),
        f"  in all      {_line(report.counts)}",
        f"  rates       {', '.join(f'{n} at {rate} frames a second' for rate, n in report.rates.items())}",
        f"  texts       {report.texts}",
        f"  features    {', '.join(f'{n} of width {w}' for w, n in report.features.items() if w) or 'none'}",
    ]
    seconds = np.array([one.seconds for one in report.measured] or [0.0])
    lines.append(
        f"  lengths     {seconds.min():.1f} s to {seconds.max():.1f} s, half below {np.median(seconds):.1f} s"
    )
    lines.append("  missing     share of ticks, weighted by length")
    weights = seconds / max(seconds.sum(), 1e-9)
    shares = {"person": [one.absent for one in report.measured]}
    shares |= {name: [one.missing[name] for one in report.measured] for name in GROUPS}
    for name, share in shares.items():
        lines.append(f"    {name:<9} {float(weights @ np.array(share or [0.0])):6.1%}")
    for name, split in report.splits.items():
        lines.append(f"split {name}, subject_disjoint: {str(split.subject_disjoint).lower()}; {split.note}")
        lines += [f"  {part:<11} {_line(counts)}" for part, counts in split.parts.items()]
        if split.shared:
            lines.append(f"  {len(split.shared)} subjects in several parts: {listed(split.shared)}")
    lines += gesture_counts.lines(report.gestures) if report.gestures else []
    lines += [f"problem: {problem}" for problem in report.problems]
    lines += [f"note: {remark}" for remark in report.remarks]
    return "\n".join(lines)


def _line(counts: Counts) -> str:
    known = counts.win + counts.loss
    balance = f" ({counts.win / known:.0%} win)" if known else ""
    unknown = f", {counts.unknown} unknown" if counts.unknown else ""
    return (
        f"{counts.recordings} recordings of {counts.subjects} subjects, {counts.hours:.2f} h: "
        f"{counts.win} win, {counts.loss} loss{unknown}{balance}"
    )
