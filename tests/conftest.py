"""Fixtures that more than one package's tests share."""

from pathlib import Path

import hypothesis
import pytest

from stream import models
from stream.errors import ModelError

# A busy machine is no failure.
hypothesis.settings.register_profile("undertone", deadline=None)
hypothesis.settings.load_profile("undertone")


@pytest.fixture(scope="session")
def holistic_files() -> Path:
    """The folder of the pulled keypoint networks; without them a test fails and says how to get them."""
    try:
        return models.locate("holistic")
    except ModelError as error:
        pytest.fail(f"this test runs the embedded networks: {error} or `make models`", pytrace=False)
