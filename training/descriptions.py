"""Templated descriptions of what a person did, for the text branch.

They name actions and how often they were noticed, with omissions and false mentions, and never the
outcome: what they tell about it they tell through the events.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from training.behaviour import Event

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
_OPENINGS = ("Seen in this passage:", "Action units and gestures:", "The observer notes:")
_NOTICED = 0.7  # chance that an event is noticed
_FALSE_PER_ACTION = 0.5  # mean count of mentions without an event


def describe(events: Sequence[Event], rng: np.random.Generator) -> str:
    """A short English text on the events, in random order; the label is not an input."""
    counts = Counter(e.action for e in events if e.action in PHRASES and rng.random() < _NOTICED)
    lines = []
    for action in rng.permutation(list(PHRASES)):
        n = counts[str(action)] + int(rng.poisson(_FALSE_PER_ACTION))
        if n:
            phrase = PHRASES[str(action)][int(rng.integers(2))]
            lines.append(f"{phrase}, {_times(n)}")
    opening = _OPENINGS[int(rng.integers(len(_OPENINGS)))]
    return f"{opening} {'; '.join(lines) or 'nothing of note'}."


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")
