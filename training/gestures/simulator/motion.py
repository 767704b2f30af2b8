"""How gestures move a person: where both hands are at every tick, and what head, lips and shoulders do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.records import Floats
from training.gestures.simulator.arms import HAND, Values, smooth_step, unit
from training.gestures.simulator.habits import Habits
from training.gestures.simulator.schedule import Gesture
from training.simulator.actions import ACTIONS, COLUMN
from training.simulator.performance import smooth

SIDES = (-1, 1)  # the right hand, the left one
REST_DEPTH, TOUCH_DEPTH, BACK_DEPTH = 2.5, 2.0, -1.5  # of a wrist, face units towards the camera
ELBOW_SIDE, ELBOW_HEIGHT = 3.6, 6.6  # about where a raised arm's elbow is: fingers point away from it
DRIFTS = 1.0  # a minute and hand: movements that no annotator marks


@dataclass(slots=True, eq=False)
class Hands:
    """Both hands over T ticks, the right one first."""

    wrist: Values  # float64 [2, T, 2], face units
    depth: Values  # float64 [2, T], face units towards the camera
    direction: Values  # float64 [2, T, 2], unit vectors
    curl: Values  # float64 [2]
    hidden: NDArray[np.bool_]  # bool [2, T], behind the body


def envelope(gesture: Gesture, times: Values) -> Values:
    """0 at rest, 1 at the place, float64 [T]."""
    rising = smooth_step((times - gesture.start) / gesture.approach)
    return np.minimum(rising, smooth_step((gesture.end - times) / gesture.retreat))


def hands(gestures: Sequence[Gesture], habits: Habits, times: Values, rng: np.random.Generator) -> Hands:
    """Where the hands are; between gestures they rest, and now and then drift up for no reason."""
    ticks = len(times)
    rate = 1 / float(times[1] - times[0]) if ticks > 1 else 25.0
    found = Hands(
        np.empty((2, ticks, 2)),
        np.full((2, ticks), REST_DEPTH),
        np.empty((2, ticks, 2)),
        rng.uniform(0.8, 1.0, 2),
        np.zeros((2, ticks), np.bool_),
    )
    for i, side in enumerate(SIDES):
        sway = 0.08 * smooth(ticks, 2, 2.0 * rate, rng)
        found.wrist[i] = np.array([side * habits.rest[0], habits.rest[1]]) + sway
        found.direction[i] = unit(np.array([-0.9 * side, -0.3]) + 0.1 * smooth(ticks, 2, 2.0 * rate, rng))
        _drift(found, i, gestures, times, rng)
    for g in gestures:
        if g.kind.family == "body":
            continue
        at = np.flatnonzero((times >= g.start) & (times <= g.end))
        if not len(at):
            continue
        for i, side in enumerate(SIDES):
            if g.kind.family == "two" or side == g.side or (g.kind.family == "beat" and g.latents[5] > 0):
                _reach(found, i, g, habits, times[at], at, rng)
    return found


def _drift(
    found: Hands, i: int, gestures: Sequence[Gesture], times: Values, rng: np.random.Generator
) -> None:
    """Rises of a hand in front of the body, where no gesture is going on."""
    length = float(times[-1] - times[0]) if len(times) else 0.0
    for start in rng.uniform(0, length, rng.poisson(DRIFTS * length / 60)):
        end = start + rng.uniform(0.8, 3.0)
        place = np.array([SIDES[i] * rng.uniform(0.8, 2.6), rng.uniform(5.0, 6.8)])
        if any(g.start < end + 0.1 and start < g.end + 0.1 for g in gestures):
            continue
        e = np.minimum(smooth_step((times - start) / 0.5), smooth_step((end - times) / 0.5))[:, None]
        found.wrist[i] = (1 - e) * found.wrist[i] + e * place


def _reach(
    found: Hands,
    i: int,
    g: Gesture,
    habits: Habits,
    times: Values,
    at: NDArray[np.int64],
    rng: np.random.Generator,
) -> None:
    side = SIDES[i]
    e = envelope(g, times)[:, None]
    tip = _tip(g, side, habits, times, rng)
    if g.kind.family == "two":
        angle = g.latents[5]
        direction = np.tile([-side * np.sin(angle), -np.cos(angle)], (len(times), 1))
    else:
        direction = unit(tip - np.array([side * ELBOW_SIDE, ELBOW_HEIGHT]))
    length = HAND * found.curl[i]
    found.direction[i, at] = unit((1 - e) * found.direction[i, at] + e * direction)
    found.wrist[i, at] = (1 - e) * found.wrist[i, at] + e * (tip - length * direction)
    depth = BACK_DEPTH if g.kind.hides else TOUCH_DEPTH
    found.depth[i, at] = (1 - e[:, 0]) * found.depth[i, at] + e[:, 0] * depth
    if g.kind.hides:
        found.hidden[i, at] = e[:, 0] > 0.4


def _tip(g: Gesture, side: int, habits: Habits, times: Values, rng: np.random.Generator) -> Values:
    """Where the finger tips are while the gesture lasts, float64 [T, 2], face units."""
    _, x, y, amplitude, rate, angle = g.latents
    own = np.array(habits.shift) if g.kind.family == "touch" else 0.5 * np.array(habits.shift)
    place = np.array([side * (x + own[0]), y + own[1]])
    size = max(amplitude, 0.0) * habits.size
    hertz = max(rate, 0.05) * habits.speed
    if g.kind.family == "beat":
        ticks_a_second = 1 / max(float(times[1] - times[0]), 1e-3) if len(times) > 1 else 25.0
        wander = smooth(len(times), 2, ticks_a_second / (2 * hertz), rng)
        beat = np.sin(2 * np.pi * hertz * (times - g.start) + g.phase)
        return np.asarray(place + size * (0.6 * wander + np.outer(0.6 * beat, [0.3 * side, 1.0])), np.float64)
    stroke = size * np.sin(2 * np.pi * hertz * (times - g.start) + g.phase)
    if g.kind.family == "two":  # the hands rub against each other: one goes up as the other goes down
        return np.asarray(place + np.outer(stroke, [0.3, 1.0 * side]), np.float64)
    return np.asarray(place + np.outer(stroke, [side * np.cos(angle), np.sin(angle)]), np.float64)


def body(gestures: Sequence[Gesture], habits: Habits, times: Values) -> tuple[Floats, Floats]:
    """What gestures without hands add: activations float32 [T, A] and lean of the body float32 [T]."""
    moves, lean = np.zeros((len(times), len(ACTIONS))), np.zeros(len(times))
    for g in gestures:
        if g.kind.family != "body":
            continue
        _, shrug, pitch, lips, sideways, shake, rate = g.latents
        e = envelope(g, times) * habits.size
        wave = np.sin(2 * np.pi * max(rate, 0.05) * habits.speed * (times - g.start) + g.phase)
        moves[:, COLUMN["shrug"]] += e * (shrug + shake * wave)
        moves[:, COLUMN["nod"]] += e * pitch
        moves[:, COLUMN["lip_press"]] += e * lips
        lean += e * sideways * wave
    return moves.astype(np.float32), lean.astype(np.float32)
