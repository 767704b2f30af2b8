"""Servers on loopback with a fault switch."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.http_server import FeedServer
from faults.watching import Watch, quick_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, holistic_files: Path) -> Path:
    return quick_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


@pytest.fixture
def watching(bundle: Path, tmp_path: Path) -> Iterator[Callable[..., Watch]]:
    """Starts ``undertone watch``; whatever happened to it, seq rises, no stale ``ok``, no traceback."""
    started: list[Watch] = []

    def start(source: str, *options: str) -> Watch:
        folder = tmp_path / f"watch-{len(started)}"
        folder.mkdir()
        started.append(Watch(source, bundle, folder, *options))
        return started[-1]

    try:
        yield start
    finally:
        for watch in started:
            watch.__exit__()
    for watch in started:
        watch.check()


def settled(watch: Watch, within: float = 60.0) -> None:
    """Wait for the first ``ok`` and a second of it."""
    watch.wait_for("ok", within, since=0.0)
    time.sleep(1.0)
