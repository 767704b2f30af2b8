"""Templated descriptions of a person's actions, for the text branch, in the form of a labeller's answer.

Evidence with counts, then every action unit in temporal order, as ``render`` formats a guarded answer; with
omissions and false mentions. The outcome is never stated: a text is informative through its events alone.
The list names an action as often as it was noticed, so that it can be counted; "seven times" would first have
to be linked to its action, which a small BERT does not learn when a count of seven favours a win for one
action and a loss for another.
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
NOTICED = 0.7  # probability that an event is noticed
FALSE_PER_ACTION = 0.5  # mean count of mentions without an event
TIMES = {1: "once", 2: "twice"}


def describe(events: Sequence[Event], rng: np.random.Generator) -> str:
    """An English description of the events; the label is not an input."""
    seen = [e.action for e in events if e.action in UNITS and rng.random() < NOTICED]
    for action in UNITS:
        for _ in range(rng.poisson(FALSE_PER_ACTION)):
            seen.insert(int(rng.integers(len(seen) + 1)), action)
    if not seen:
        return "Evidence: nothing of note."
    evidence = [_evidence(action, n, rng) for action, n in sorted(Counter(seen).items())]
    units = ("{} {} ({})".format(*UNITS[action]) for action in seen)
    # Evidence in alphabetical order, as in a guarded answer: the order carries no information.
    return f"Evidence: {' '.join(sorted(evidence, key=str.casefold))} Action units: {'; '.join(units)}."


def _evidence(action: str, times: int, rng: np.random.Generator) -> str:
    return f"{PHRASES[action][int(rng.integers(2))]}, {TIMES.get(times, f'{times} times')}."


def description_llr(text: str, profile: Profile, seconds: float) -> float:
    """Exact log p(text | win) − log p(text | loss) of a description of ``seconds`` of one behaviour: an upper
    bound for every classifier of the text alone."""
    units = Counter(text.partition("Action units: ")[2].rstrip(".").split("; "))
    value = 0.0
    for rate in profile.rates:
        win, loss = (
            NOTICED * per_minute * seconds / 60 + FALSE_PER_ACTION for per_minute in (rate.win, rate.loss)
        )
        count = units["{} {} ({})".format(*UNITS[rate.action])]
        value += count * float(np.log(win / loss)) - (win - loss)
    return value
