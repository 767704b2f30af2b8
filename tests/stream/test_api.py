"""The public API: what is exported, and that it works as the documentation says."""

import inspect
import time
from pathlib import Path

import numpy as np
import pytest
from front_end_stand_in import StandIn

import stream
from stream import Analyzer, Bundle, Estimate, Frame, Observation
from stream.records import Portrait, Pose
from stream.skeleton import COUNT

pytestmark = pytest.mark.slow


def test_exported_members() -> None:
    assert stream.__all__ == [
        "Analyzer",
        "Bundle",
        "Confidence",
        "Estimate",
        "Event",
        "Frame",
        "Health",
        "Observation",
        "UndertoneError",
        "watch",
    ]
    for name in stream.__all__:
        member = getattr(stream, name)
        assert member.__name__ == name
        assert len(inspect.getdoc(member) or "") > 20, f"{name} has no docstring"
    assert set(stream.__all__) <= set(dir(stream))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        stream.nothing  # type: ignore[attr-defined]  # noqa: B018
    assert (Path(stream.__file__).parent / "py.typed").is_file()


class Somebody(StandIn):
    def look(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        points = (100 + 80 * np.random.default_rng(frame.index).random((COUNT, 2))).astype(np.float32)
        return Portrait((80.0, 80.0, 200.0, 210.0), 1.0), Pose(points, np.ones(COUNT, np.bool_))


def test_frames_from_a_loop_of_one_s_own() -> None:
    analyzer = Analyzer(Bundle.demo(), Somebody())
    image = np.zeros((240, 320, 3), np.uint8)
    for index in range(30):
        seen = analyzer.observe(Frame(index, pts=index / 25, captured=time.monotonic(), image=image))
        assert isinstance(seen, Observation)
    estimate = analyzer.estimate()
    assert isinstance(estimate, Estimate)
    assert estimate.win is not None
    assert analyzer.mode == "ring"  # the default, where the bundle has it
