"""Pictures of made-up people: of their scene, the same every time."""

import numpy as np

from training.gestures.data.pictures import Cut
from training.gestures.simulator.drawn import DrawnPictures
from training.gestures.simulator.scenes import World

WORLD = World(seconds=20.0)


def test_pictures_show_the_scene():
    pictures = DrawnPictures(WORLD)
    box = (0.0, 0.0, 720.0, 720.0)
    cuts = [Cut(np.array([0, 10, 499, 600]), box, 48), Cut(np.array([3]), box, 24)]
    found = pictures.cuts("made-00001", cuts)
    assert [f.shape for f in found] == [(4, 48, 48, 3), (1, 24, 24, 3)]
    assert found[0].std() > 10
    again = pictures.cuts("made-00001", cuts)
    np.testing.assert_array_equal(found[0], again[0])
    assert not np.array_equal(found[0], pictures.cuts("made-00002", cuts)[0])
