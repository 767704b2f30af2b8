"""Pictures of made-up people for the clips of a corpus: the same scenes again, without the tracker."""

from collections.abc import Sequence

import numpy as np

from stream.records import Image
from training.gestures.data.pictures import Cut
from training.gestures.simulator.as_corpus import seed_of
from training.gestures.simulator.drawing import draw, random_look
from training.gestures.simulator.recordings import framing
from training.gestures.simulator.scenes import World, act


class DrawnPictures:
    """Draws the cuts of one video after another."""

    def __init__(self, world: World) -> None:
        self.world = world

    def cuts(self, video: str, wanted: Sequence[Cut]) -> list[Image]:
        """uint8 [N, S, S, 3] for each cut; the same every time."""
        seed = seed_of(video)
        scene = act(seed, self.world)
        origin, scale = framing(scene, seed)
        look = random_look(np.random.default_rng([seed, 1706]))
        found = []
        for cut in wanted:
            rng = np.random.default_rng([seed, int(cut.ticks[0]), cut.size, 1707])
            x0, y0, x1, _ = cut.box
            zoom = cut.size / (x1 - x0)
            pictures: Image = np.empty((len(cut.ticks), cut.size, cut.size, 3), np.uint8)
            for i, tick in enumerate(np.minimum(cut.ticks, len(scene.points) - 1)):
                corner = np.array([x0, y0], np.float32)
                points = ((scene.points[tick] * scale[tick] + origin[tick]) - corner) * np.float32(zoom)
                table = (scene.table * float(scale[tick]) + float(origin[tick, 1]) - y0) * zoom
                unit = float(scale[tick]) * zoom
                pictures[i] = draw(
                    points.astype(np.float32), scene.shown[tick], look, cut.size, unit, table, rng
                )
            found.append(pictures)
        return found
