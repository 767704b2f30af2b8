"""A simulated labeller of simulated people: it knows their true events and has a given accuracy.

It exercises everything around a real labeller: answers, sheet, lines, stage 2, evaluation. It mentions most
of the true events and some false ones; its verdict is drawn independently (``training.simulator.labeller``).
Its output says nothing about real people or any real labeller.
"""

import re
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from stream.bundle.manifest import TextForm as Form
from stream.describing.labellers.answer import ActionUnit, Answer, parse
from stream.describing.rendering import render
from stream.errors import UsageError
from stream.files import replace_with
from training.corpus.grid import RATE, SHORTEST
from training.corpus.recording import Recording
from training.corpus.store import Store
from training.labelling import audit, labels
from training.simulator.behaviour import LOSS, PROFILES, WIN
from training.simulator.descriptions import UNITS
from training.simulator.labeller import Labeller
from training.simulator.portraits import performance_of

ANSWERS = "answers.jsonl"  # verbatim, one line per video
PROVENANCE = re.compile(r"simulator, profile (?P<profile>\w+), seed (?P<seed>\d+);")
NOTICED = 0.7  # probability that an event is noticed
FALSE = 1.0  # mean number of false events
TIMES = {1: "once", 2: "twice", 3: "thrice"}
MOST = 12  # action units in an answer


def label(
    store: Store, out: Path, labeller: Labeller, *, seed: int = 0, form: Form = "guarded"
) -> dict[str, Answer]:
    """Write answers for every labelled video, with ``labels.jsonl`` and ``audit.csv`` like a real labeller's;
    returns the answers. Raises UsageError for a corpus of real people."""
    if not store.index.simulated:
        raise UsageError(
            f"{store.folder}: expected a simulated corpus, whose truth is known, found a real one; "
            "use `undertone-training label`."
        )
    ids = [e.id for e in store.index.entries if e.label is not None and e.ticks >= SHORTEST]
    people = [store.recording(id) for id in ids]
    rng = np.random.default_rng([seed, 68])
    ease = np.array([abs(p.evidence(0, p.ticks)) for p in people])
    wins = labeller.confidences(np.array([p.label for p in people]), ease, rng)
    raw = {
        id: answer(p, float(win), rng).model_dump_json() for id, p, win in zip(ids, people, wins, strict=True)
    }
    out.mkdir(parents=True, exist_ok=True)
    verbatim = (msgspec.json.encode({"id": id, "raw": text}) for id, text in raw.items())
    replace_with(out / ANSWERS, b"\n".join(verbatim) + b"\n")
    answers = {id: parse(text, Answer) for id, text in raw.items()}
    lines = (labels.Line(id, a.win, render(a, form=form) or None, form) for id, a in answers.items())
    labels.write(out / labels.LABELS, lines)
    audit.write(out / audit.AUDIT, answers)
    return answers


def answer(recording: Recording, win: float, rng: np.random.Generator) -> Answer:
    """The answer for one simulated person, with confidence ``win`` 0..1. UsageError for a real recording."""
    origin = PROVENANCE.match(recording.provenance)
    if origin is None:
        raise UsageError(
            f"{recording.subject}: expected a recording of the simulator, found {recording.provenance!r}; "
            "make the corpus with `undertone-training corpus simulate`."
        )
    profile, seconds = PROFILES[origin["profile"]], recording.ticks / RATE
    true = performance_of(profile, recording, seconds, int(origin["seed"])).events
    seen = [(e.action, e.start) for e in true if e.action in UNITS and rng.random() < NOTICED]
    seen += [
        (str(rng.choice(list(UNITS))), float(rng.uniform(0, seconds))) for _ in range(rng.poisson(FALSE))
    ]
    seen = sorted(seen, key=lambda event: event[1])
    sides: dict[bool, list[str]] = {True: [], False: []}
    for action, count in Counter(action for action, _ in seen).items():
        more = profile.rate(action, WIN) - profile.rate(action, LOSS)
        code, name, emotion = UNITS[action]
        if more:
            sides[more > 0].append(f"{code} {name}, {TIMES.get(count, 'often')}, shows {emotion}")
    return Answer(
        action_units=[_unit(action, max(start, 0.0)) for action, start in seen[:MOST]],
        evidence_win=sides[True],
        evidence_loss=sides[False],
        reflection=["blinks are left out: lamps and cameras"],
        confidence_win=100 * win,
        confidence_loss=100 * (1 - win),
    )


def _unit(action: str, start: float) -> ActionUnit:
    code, name, emotion = UNITS[action]
    return ActionUnit(code=code, name=name, start_s=round(start, 2), end_s=None, emotion=emotion)
