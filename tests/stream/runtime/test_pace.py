"""How fast a source is played, and how often an estimate is made."""

from types import SimpleNamespace
from typing import Any

import pytest

from stream.capture.source import Source
from stream.errors import UsageError
from stream.runtime.pace import hop_of, live_hop, pace_of


def test_live_hop_leaves_room_for_the_fast_lane() -> None:
    assert live_hop(20, 0.1, 25.0) == 20
    assert live_hop(20, 0.6, 25.0) == 25
    assert live_hop(5, 1.21, 25.0) == 55
    assert live_hop(1, 0.02, 25.0) == 1
    assert live_hop(1, 0.03, 25.0) == 5


def source(kind: Any, *, live: bool) -> Source:
    return Source(kind, "x", "the source", live)


FILE, DEMO = source("file", live=False), source("demo", live=False)
CAMERA, PATTERN = source("rtsp", live=True), source("pattern", live=True)


@pytest.mark.parametrize(
    ("of", "asked", "pace"),
    [
        (FILE, None, "fast"),
        (DEMO, None, "live"),
        (CAMERA, None, "live"),
        (PATTERN, None, "live"),
        (FILE, "live", "live"),
        (DEMO, "fast", "fast"),
        (PATTERN, "fast", "fast"),  # it is made on demand
        (CAMERA, "live", "live"),
    ],
)
def test_the_pace_that_suits_a_source(of: Source, asked: str | None, pace: str) -> None:
    assert pace_of(of, asked) == pace


@pytest.mark.parametrize(
    ("of", "asked", "sentence"),
    [
        (FILE, "slow", "--pace: expected live or fast, found 'slow'; choose one of these."),
        (FILE, "", "--pace: expected live or fast, found ''; choose one of these."),
        (
            CAMERA,
            "fast",
            "--pace: expected live for the source, found fast; "
            "a live source does not wait, leave the option out.",
        ),
    ],
)
def test_a_pace_that_cannot_be(of: Source, asked: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        pace_of(of, asked)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("pace", "asked", "cost_s", "hop"),
    [
        ("live", None, 0.1, 20),
        ("live", None, 1.2, 50),
        ("fast", None, 1.2, 20),  # nothing is lost by waiting
        ("live", 7, 1.2, 7),  # as asked
    ],
)
def test_the_bundle_s_hop_is_raised_only_where_frames_do_not_wait(
    pace: Any, asked: int | None, cost_s: float, hop: int
) -> None:
    mode = SimpleNamespace(hop=20)
    analyzer: Any = SimpleNamespace(
        bundle=SimpleNamespace(manifest=SimpleNamespace(modes={"ring": mode})),
        mode="ring",
        spec=SimpleNamespace(rate=25.0),
        update_cost_s=lambda: cost_s,
    )
    assert hop_of(analyzer, pace, asked) == hop
