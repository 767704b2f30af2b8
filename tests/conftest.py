"""Fixtures that more than one package's tests share."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from gemini_server import GeminiServer

from stream.bundle import model_cache
from stream.errors import ModelError

# A busy machine is no failure.
hypothesis.settings.register_profile("undertone", deadline=None)
hypothesis.settings.load_profile("undertone")


FAULTS = "UNDERTONE_FAULTS"  # where rows of the table of faults are appended, if anywhere


@pytest.fixture(scope="session")
def holistic_files() -> Path:
    """The folder of the pulled keypoint networks; without them a test fails and says how to get them."""
    try:
        return model_cache.locate("holistic")
    except ModelError as error:
        pytest.fail(f"this test runs the embedded networks: {error} or `make models`", pytrace=False)


@pytest.fixture
def gemini_server(monkeypatch) -> Iterator[GeminiServer]:
    """A stand-in of Gemini's service; its key and address, and no others, are in the environment."""
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "GEMINI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with GeminiServer() as server:
        monkeypatch.setenv("GOOGLE_API_KEY", server.key)
        monkeypatch.setenv("UNDERTONE_GEMINI_URL", server.url)
        yield server


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Adds a row to the table of faults: the fault, the outcome, seconds to recover, states."""

    def write(fault: str, watch: Any = None, **figures: Any) -> None:
        path = os.environ.get(FAULTS)
        if path is None:
            return
        row = {"file": request.node.path.stem, "fault": fault, **figures}
        if watch is not None:
            row["states"] = watch.states()
            row["reconnects"] = watch.health.get("reconnects")
        with Path(path).open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")

    return write
