"""The best that could be done: by who knows the latents of every gesture and how each class draws them.

What is seen of a gesture is a function of these numbers and of chance that does not depend on the class, so
no model of points or pictures beats this one on average. It also knows the person's own mix of classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.gestures.simulator.catalogue import BY_LABEL
from training.gestures.simulator.scenes import Scene
from training.gestures.simulator.schedule import Gesture


def posterior(gesture: Gesture, labels: Sequence[int], mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each of ``labels``, float64 [len(labels)], given the gesture's latents and the mix."""
    z = np.array(gesture.latents)
    logs = np.full(len(labels), -np.inf)
    for i, label in enumerate(labels):
        kind = BY_LABEL[label]
        if kind.family == gesture.kind.family:
            std = np.array(kind.std)
            logs[i] = (
                np.log(mix[i]) - np.log(std).sum() - 0.5 * (((z - np.array(kind.mean)) / std) ** 2).sum()
            )
    found = np.exp(logs - logs.max())
    return np.asarray(found / found.sum(), np.float64)


def judge(scene: Scene, labels: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The oracle's class and the true one of every gesture of a scene, int64 [N] each."""
    said = [labels[int(posterior(g, labels, scene.habits.mix).argmax())] for g in scene.gestures]
    return np.array(said, np.int64), np.array([g.kind.label for g in scene.gestures], np.int64)
