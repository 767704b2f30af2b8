"""Image features for simulated recordings: their motion rendered on a warped portrait, every 5th tick.

The images bypass keypoint tracking (the points are simulated already) and are cropped as on the live side.
"""

from dataclasses import replace

import numpy as np

from stream.branches.image import crop_portrait
from stream.bundle.manifest import Window
from stream.records import Image, Portrait
from training.corpus.grid import Encode
from training.corpus.recording import Recording
from training.simulator.behaviour import LABELS, Profile
from training.simulator.crops import SIZE, portrait_box
from training.simulator.performance import Performance, perform
from training.simulator.person import random_person
from training.simulator.warp import Performer, camera_shake


def performance_of(profile: Profile, recording: Recording, seconds: float, seed: int) -> Performance:
    """The performance that ``simulate`` drew for ``seed``: the same events and motion."""
    rng = np.random.default_rng([seed, 137])
    random_person(rng)
    label = next(name for name, value in LABELS.items() if value == recording.label)
    return perform(profile, ((label, seconds),), rng)


def with_portraits(
    recording: Recording, performance: Performance, window: Window, seed: int, encode: Encode
) -> Recording:
    """The recording with a feature for every slot in which a person is seen; each seed has its own face."""
    rng = np.random.default_rng([seed, 126])
    performer = Performer(seed)
    box = Portrait(portrait_box(performer, rng), 1.0)
    shake = camera_shake(len(performance.activations), rng)
    ticks = np.arange(0, recording.ticks, window.stride)
    ticks = ticks[recording.present[ticks]]
    crops: Image = np.empty((len(ticks), SIZE, SIZE, 3), np.uint8)
    for i, tick in enumerate(ticks):
        frame = performer(performance.activations[tick], performance.sway[tick], shake[tick])
        crops[i] = crop_portrait(performer.noisy(frame, rng), box, SIZE)
    vectors = encode(crops)
    slots = ticks // window.stride
    features = np.zeros((len(recording.feature_mask), vectors.shape[1]), np.float32)
    features[slots] = vectors
    mask = np.zeros(len(features), np.bool_)
    mask[slots] = True
    return replace(recording, features=features, feature_mask=mask)
