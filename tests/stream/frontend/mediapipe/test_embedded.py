"""Which of the embedded networks run beside others that take their place."""

from pathlib import Path
from typing import Any

import pytest

from stream.bundle import model_cache
from stream.errors import ModelError
from stream.frontend.mediapipe import embedded


class Loaded:
    """Stands in for a network: remembers from where it was loaded."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads = path, threads


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the front end was given: detector, keypoints, aligner."""
    given: list[tuple[Any, ...]] = []
    for name in ("PoseDetector", "Holistic"):
        monkeypatch.setattr(embedded, name, type(name, (Loaded,), {}))
    monkeypatch.setattr(embedded, "FrontEnd", lambda *parts: given.append(parts))
    return given


def names(parts: tuple[Any, ...]) -> list[str]:
    return ["-" if part is None else part if isinstance(part, str) else type(part).__name__ for part in parts]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({}, ["PoseDetector", "Holistic", "-"]),
        # Inside another detector's box the embedded one looks for the region that Holistic starts from.
        ({"detector": "yolo"}, ["yolo", "Holistic", "PoseDetector"]),
        ({"keypoints": "wholebody"}, ["PoseDetector", "wholebody", "-"]),
        ({"detector": "yolo", "keypoints": "wholebody"}, ["yolo", "wholebody", "-"]),
    ],
)
def test_what_takes_whose_place(parts: list[tuple[Any, ...]], others: Any, expected: list[str]) -> None:
    embedded.from_folder(Path("folder"), 3, **others)
    assert names(parts[0]) == expected
    for part in parts[0]:
        if isinstance(part, Loaded):
            assert part.threads == 3
            assert part.path.parts[0] == "folder"


def test_without_the_pulled_networks_the_error_says_how_to_pull_them(
    parts: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(model_cache, "cache_dir", lambda: tmp_path)
    with pytest.raises(ModelError, match="models pull holistic"):
        embedded.from_cache(detector="yolo")  # type: ignore[arg-type]
    embedded.from_cache(detector="yolo", keypoints="wholebody")  # type: ignore[arg-type]
    assert names(parts[0]) == ["yolo", "wholebody", "-"], "two others need none of them"


def test_bundles_get_the_extractor_of_the_points() -> None:
    assert embedded.EXTRACTOR.sha256 == model_cache.HOLISTIC.sha256
    assert embedded.EXTRACTOR.name == model_cache.HOLISTIC.requirement
