"""A made-up person who gestures, as the truth: points without noise, what is hidden, what is done when."""

from dataclasses import dataclass, replace

import numpy as np

from stream.records import Floats, Mask
from stream.skeleton import BODY, COUNT, INDEX, LEFT_HAND, RIGHT_HAND
from training.corpus.gestures import Rows
from training.corpus.grid import RATE
from training.gestures.simulator import arms, motion
from training.gestures.simulator.catalogue import chosen, prior
from training.gestures.simulator.habits import Habits, draw
from training.gestures.simulator.schedule import Gesture, rows_of, schedule
from training.simulator.behaviour import LABELS, STANDARD
from training.simulator.performance import perform
from training.simulator.person import Person, random_person
from training.simulator.recordings import moved_points

SHARE = 0.37  # of the time under gestures, as in iMiGUE
IMBALANCE = 150.0  # most frequent class over rarest


@dataclass(frozen=True, slots=True)
class World:
    """What all made-up people of a corpus have in common."""

    labels: tuple[int, ...] = chosen(16)  # classes, the most frequent first
    imbalance: float = IMBALANCE
    share: float = SHARE
    seconds: float = 120.0  # of each person's video


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One person's video, T ticks, as it was and not as a tracker sees it."""

    person: Person
    habits: Habits
    points: Floats  # float32 [T, 137, 2], face units
    shown: Mask  # bool [T, 137], in the picture, above the table and not behind the body
    gestures: list[Gesture]
    rows: Rows  # int32 [N, 4], what an annotator wrote
    result: int  # 0 loss, 1 win: the small bursts of ``training.simulator`` go on beneath the gestures
    table: float  # face units, what lies below is hidden


def act(seed: int, world: World) -> Scene:
    """The person of ``seed``; the same arguments give the same scene."""
    rng = np.random.default_rng([seed, 1703])
    person, result = random_person(rng), seed % 2
    habits = draw(prior(world.labels, world.imbalance), rng)
    table = float(rng.uniform(7.0, 9.5))
    name = next(name for name, value in LABELS.items() if value == result)
    performance = perform(STANDARD, ((name, world.seconds),), rng)
    ticks = len(performance.activations)
    times = np.arange(ticks) / RATE
    gestures = schedule(world.labels, habits, world.seconds, world.share, rng)
    moves, lean = motion.body(gestures, habits, times)
    sway = performance.sway.copy()
    sway[:, 3] += lean
    performance = replace(performance, activations=performance.activations + moves, sway=sway)
    points = moved_points(person, performance)
    hidden = place_hands(points, motion.hands(gestures, habits, times, rng), habits)
    return Scene(
        person=person,
        habits=habits,
        points=points,
        shown=_shown(person, points, hidden, table),
        gestures=gestures,
        rows=rows_of(gestures, ticks, rng),
        result=result,
        table=table,
    )


def place_hands(points: Floats, hands: motion.Hands, habits: Habits) -> Mask:
    """Put both arms and hands into ``points`` (float32 [T, 137, 2], face units); what is behind the body.

    bool [T, 137].
    """
    hidden = np.zeros(points.shape[:2], np.bool_)
    for i, (name, side, span) in enumerate((("right", -1, RIGHT_HAND), ("left", 1, LEFT_HAND))):
        shoulder = points[:, INDEX[f"{name}_shoulder"]].astype(np.float64)
        wrist = hands.wrist[i]
        depth = hands.depth[i][:, None]
        elbow = arms.two_bone(
            np.concatenate([shoulder, np.zeros_like(depth)], 1),
            np.concatenate([wrist, depth], 1),
            arms.UPPER * habits.arm,
            arms.FORE * habits.arm,
            arms.pole(side),
        )
        points[:, INDEX[f"{name}_elbow"]] = elbow[:, :2]
        points[:, INDEX[f"{name}_wrist"]] = wrist
        points[:, span] = arms.hand(wrist, hands.direction[i], side, float(hands.curl[i]))
        hidden[:, span] = hands.hidden[i][:, None]
        hidden[:, INDEX[f"{name}_wrist"]] = hands.hidden[i]
    return hidden


def _shown(person: Person, points: Floats, hidden: Mask, table: float) -> Mask:
    """bool [T, 137]: the face as the person's framing says, arms and hands by where they are."""
    pixels = points * person.scale + np.array(person.origin, np.float32)
    width, height = person.size
    inside = (
        (pixels[..., 0] > 0) & (pixels[..., 0] < width) & (pixels[..., 1] > 0) & (pixels[..., 1] < height)
    )
    shown = np.broadcast_to(person.seen, (len(points), COUNT)).copy()
    moving = np.zeros(COUNT, np.bool_)
    moving[LEFT_HAND] = moving[RIGHT_HAND] = True
    moving[[INDEX[f"{s}_{joint}"] for s in ("left", "right") for joint in ("elbow", "wrist")]] = True
    shown[:, moving] = (points[:, moving, 1] < table) & inside[:, moving] & ~hidden[:, moving]
    shown[:, BODY] &= inside[:, BODY]
    return shown
