"""One small untrained bundle for all tests of this folder."""

import pytest

from stream.contract import Window

SMALL = Window(poses=60, features=12)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    from export.untrained import write_untrained

    return write_untrained(tmp_path_factory.mktemp("bundles") / "small", SMALL, dim=16, size=28)
