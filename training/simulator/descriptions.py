"""Templated descriptions of what a person did, for the text branch, in the form that a labeller's answer has.

Evidence with how often it was noticed, then every action unit in the order of time, as ``render`` leaves a
guarded answer; with omissions and false mentions, and never the outcome: what they tell about it they tell
through the events. An action that is named as often as it was seen can be counted by reading; "seven times"
must be joined to its action first, which a small BERT does not find out by itself where seven speaks for a
win of one action and for a loss of another.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from training.simulator.behaviour import Event, Profile

PHRASES: dict[str, tuple[str, ...]] = {
    "brow_raise": ("AU1+AU2, the brows rise", "the inner and outer brow lift briefly"),
    "brow_lower": ("AU4, the brows are drawn together", "a short frown"),
    "mouth_corners_up": ("AU12, the lip corners are pulled up", "a fleeting smile"),
    "mouth_corners_down": ("AU15, the lip corners drop", "the corners of the mouth sink for a moment"),
    "lip_press": ("AU24, the lips are pressed together", "the lips tighten"),
    "nod": ("a small nod", "the head dips and returns"),
    "head_turn": ("the head turns aside and back", "a brief turn of the head"),
    "head_tilt": ("the head tilts", "a small tilt of the head"),
    "shrug": ("the shoulders rise", "a half shrug"),
}
UNITS = {  # code, name, emotion
    "brow_raise": ("AU1", "inner brow raiser", "surprise"),
    "brow_lower": ("AU4", "brow lowerer", "annoyance"),
    "mouth_corners_up": ("AU12", "lip corner puller", "joy"),
    "mouth_corners_down": ("AU15", "lip corner depressor", "sadness"),
    "lip_press": ("AU24", "lip pressor", "tension"),
    "nod": ("AU54", "head down, a nod", "assent"),
    "head_turn": ("AU51", "head turn left", "unease"),
    "head_tilt": ("AU55", "head tilt left", "none"),
    "shrug": ("PGCS", "shaking shoulders", "none"),
}
NOTICED = 0.7  # chance that an event is noticed
FALSE_PER_ACTION = 0.5  # mean count of mentions without an event
TIMES = {1: "once", 2: "twice"}


def describe(events: Sequence[Event], rng: np.random.Generator) -> str:
    """An English text on the events; the label is not an input."""
    seen = [e.action for e in events if e.action in UNITS and rng.random() < NOTICED]
    for action in UNITS:
        for _ in range(rng.poisson(FALSE_PER_ACTION)):
            seen.insert(int(rng.integers(len(seen) + 1)), action)
    if not seen:
        return "Evidence: nothing of note."
    evidence = [_evidence(action, n, rng) for action, n in sorted(Counter(seen).items())]
    units = ("{} {} ({})".format(*UNITS[action]) for action in seen)
    # Evidence by its words, as in a guarded answer: an order that says nothing.
    return f"Evidence: {' '.join(sorted(evidence, key=str.casefold))} Action units: {'; '.join(units)}."


def _evidence(action: str, times: int, rng: np.random.Generator) -> str:
    return f"{PHRASES[action][int(rng.integers(2))]}, {TIMES.get(times, f'{times} times')}."


def evidence_told(text: str, profile: Profile, seconds: float) -> float:
    """Exact log p(text | win) − log p(text | loss) of a description of so many seconds of one behaviour: no
    reader of the text alone tells the two apart better."""
    units = Counter(text.partition("Action units: ")[2].rstrip(".").split("; "))
    value = 0.0
    for rate in profile.rates:
        win, loss = (
            NOTICED * per_minute * seconds / 60 + FALSE_PER_ACTION for per_minute in (rate.win, rate.loss)
        )
        said = units["{} {} ({})".format(*UNITS[rate.action])]
        value += said * float(np.log(win / loss)) - (win - loss)
    return value
