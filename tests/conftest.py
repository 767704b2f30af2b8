"""Fixtures that more than one package's tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from gemini_server import GeminiServer

from stream.bundle import model_cache
from stream.errors import ModelError

# A busy machine is no failure.
hypothesis.settings.register_profile("undertone", deadline=None)
hypothesis.settings.load_profile("undertone")


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
