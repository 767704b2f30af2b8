"""Held-out simulated people as golden inputs, so that a bundle holds no real person's points or portrait."""

from dataclasses import replace

import cv2
import numpy as np
from msgspec import structs

from export.bundles.golden import PORTRAITS, moments
from stream.branches.text import Pieces
from stream.bundle.manifest import Window
from stream.records import Image
from stream.verify.golden import Inputs, together
from training.corpus.grid import Encode
from training.corpus.recording import Recording
from training.data.prepared import encode
from training.data.simulated import HELD_OUT, described, simulated
from training.learning.checkpoint import Checkpoint
from training.simulator.crops import crops_of
from training.simulator.warp import Performer

CLIPS, SECONDS = 2, 30.0
OTHERS = 3  # texts besides a person's own
HOLD = 5  # feature slots that show the same portrait


def simulated_clips(checkpoint: Checkpoint, size: int = 0, encoder: Encode | None = None) -> list[Inputs]:
    """A clip of each class with its own and other texts, and portraits of ``size`` pixels for ``encoder``."""
    recipe = checkpoint.recipe
    data = structs.replace(recipe.data, seconds=min(SECONDS, recipe.data.seconds), mixed=0.0, texts=OTHERS)
    others = [other.text for other in described(data, data.profile, HELD_OUT)]
    clips = []
    for n, person in enumerate(simulated(data, data.profile, CLIPS, HELD_OUT)):
        pieces = [
            encode(checkpoint.tokenizer, text, recipe.model.text.length) for text in (person.text, *others)
        ]
        texts = together([Pieces(ids.numpy()[None], mask.numpy()[None]) for ids, mask in pieces])
        clip = clip_of(person, recipe.window, texts)
        clips.append(clip if encoder is None else _with_portraits(clip, _portraits(n, size), encoder))
    return clips


def clip_of(recording: Recording, window: Window, text: Pieces | None) -> Inputs:
    """A recording as a golden clip without image features."""
    return Inputs(
        points=recording.points,
        valid=recording.valid & recording.present[:, None],
        boxes=recording.boxes,
        cuts=np.diff(recording.segments, prepend=recording.segments[0]) != 0,
        features=np.zeros((len(recording.feature_mask), 0), np.float32),
        feature_mask=np.zeros(len(recording.feature_mask), np.bool_),
        text=text,
        portraits=np.zeros((0, 0, 0, 3), np.uint8),
        moments=moments(recording.ticks, window.poses),
    )


def _portraits(n: int, size: int) -> Image:
    crops = crops_of(Performer(HELD_OUT + n), PORTRAITS, np.random.default_rng([HELD_OUT, n])).images
    return np.array(
        [cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in crops], np.uint8
    )


def _with_portraits(clip: Inputs, portraits: Image, encoder: Encode) -> Inputs:
    """The clip with features of the portraits in turn, in slots with a person."""
    slots = np.arange(len(clip.feature_mask))
    present = np.any(clip.valid[slots * len(clip.valid) // len(slots)], axis=1)
    features = encoder(portraits)[slots // HOLD % len(portraits)]
    return replace(clip, features=features, feature_mask=present, portraits=portraits)
