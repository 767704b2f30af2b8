"""What tests of more than one folder share: the bundle that ships, loaded once."""

import pytest

from stream.bundle.load import Bundle, demo_bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return Bundle.load(demo_bundle())
