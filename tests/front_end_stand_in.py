"""A front end without networks: a test says who is in a frame, scenes are numbered as in the real one."""

from stream.frontend.front_end import Sighting
from stream.frontend.scenes import Scenes
from stream.records import Frame, Portrait, Pose


class StandIn:
    """Subclasses give ``look``: the portrait (with its cut) and the pose of a frame, or two times None."""

    def __init__(self) -> None:
        self.scenes = Scenes()

    def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        raise NotImplementedError("a test gives this")

    def push(self, frame: Frame) -> Sighting:
        portrait, pose = self.look(frame)
        portrait, scene = self.scenes.push(portrait, discontinuity=frame.discontinuity)
        return Sighting(portrait, pose, None, scene, {"total": 1.0})

    def reset(self) -> None:
        self.scenes.reset()
