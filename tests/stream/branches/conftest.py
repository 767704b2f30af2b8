"""The bundle that ships, loaded once."""

import pytest

from stream.bundle.load import Bundle, demo_bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return Bundle.load(demo_bundle())
