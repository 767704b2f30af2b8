"""The public API: what is exported, and that it works as the documentation says."""

import gc
import inspect
import itertools
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from front_end_stand_in import StandIn

import stream
from stream import Analyzer, Bundle, Estimate, Frame, Observation, UndertoneError, watch
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


def left_over() -> list[str]:
    """Threads and decoder processes of streams that should be gone."""
    names = [t.name for t in threading.enumerate() if t.name in ("watch", "pulse", "slow lane")]
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    return [*names, *(c.decode() for c in commands if b"decoder" in c)]


@pytest.mark.usefixtures("holistic_files")
def test_a_loop_over_a_source() -> None:
    messages = list(itertools.islice(watch("demo", pace="fast", hop=5), 12))
    assert [m.seq for m in messages] == list(range(1, 13))
    assert messages[-1].win is not None
    assert messages[0].source == "demo"


@pytest.mark.usefixtures("holistic_files")
@pytest.mark.parametrize("way", ["break", "raise", "close", "forget"])
def test_leaving_the_loop_closes_everything(way: str) -> None:
    def leave() -> None:
        messages = watch("pattern", for_s=60)
        for _ in messages:
            if way == "raise":
                raise KeyError("somebody's own")
            if way == "close":
                messages.close()
            break

    if way == "raise":
        with pytest.raises(KeyError):
            leave()
    else:
        leave()
    gc.collect()
    give_up = time.monotonic() + 20
    while left_over() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not left_over()


@pytest.mark.usefixtures("holistic_files")
def test_a_slow_loop_at_live_pace_misses_the_oldest_and_loses_none_at_fast_pace() -> None:
    seen = []
    for message in watch("pattern", for_s=30, hop=1, mode="full"):
        seen.append(message.seq)
        if len(seen) == 3:
            time.sleep(4.0)
        if len(seen) == 8:
            break
    assert all(b > a for a, b in itertools.pairwise(seen))


def test_what_cannot_be_used_is_refused_at_once() -> None:
    for source, options in (("nowhere.mp4", {}), ("demo", {"mode": "odd"}), ("demo", {"pace": "slow"})):
        with pytest.raises(UndertoneError, match=r"expected|there is no such"):
            watch(source, **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("holistic_files")
def test_a_source_that_breaks_raises_from_the_loop(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 4096)
    with pytest.raises(UndertoneError, match=r"broken\.mp4"):
        list(watch(str(broken)))


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
