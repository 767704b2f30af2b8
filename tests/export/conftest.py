"""One small untrained bundle for all tests of this folder, and the same with golden tensors."""

import shutil

import numpy as np
import pytest
from msgspec import structs

from stream.branches.text import TextReader
from stream.bundle.load import Bundle
from stream.bundle.manifest import Golden, Window
from stream.verify.golden import Inputs, together

SMALL = Window(poses=60, features=12)
TEXTS = ("nods, smiles and frowns", "lips press", "turns away and lower head, still")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    from export.bundles.untrained import write_untrained

    return write_untrained(tmp_path_factory.mktemp("bundles") / "small", SMALL, dim=16, size=28)


def made_up(bundle, ticks=50):
    """Somebody who moves, with portraits of noise."""
    rng, manifest = np.random.default_rng(3), bundle.manifest
    slots = -(-ticks // manifest.window.stride)
    still = rng.uniform(150, 450, (137, 2))
    return Inputs(
        points=(still + rng.normal(0, 4, (ticks, 137, 2))).astype(np.float32),
        valid=rng.random((ticks, 137)) < 0.9,
        boxes=np.tile(np.float32([100, 100, 500, 500]), (ticks, 1)),
        cuts=np.zeros(ticks, np.bool_),
        features=rng.normal(0, 1, (slots, manifest.image.dim)).astype(np.float32),
        feature_mask=rng.random(slots) < 0.8,
        text=together([*map(TextReader(bundle, manifest.text), TEXTS)]),
        portraits=rng.integers(0, 256, (3, manifest.image.size, manifest.image.size, 3)).astype(np.uint8),
        moments=np.array([9, 29, 49, 79]),
    )


@pytest.fixture(scope="session")
def golden_bundle(bundle, tmp_path_factory):
    from export.bundles.golden import write
    from export.bundles.write import copied
    from stream.branches.full_mode import FullMode
    from stream.branches.image import ImageEncoder

    first = Bundle.load(bundle)

    def fill(folder):
        here = structs.replace(first, folder=folder)
        encode = ImageEncoder(first, first.manifest.image)
        files = write(here, FullMode(first), encode, [made_up(first)])
        said = Golden(files=files, inputs="noise", outputs="the graphs themselves")
        return structs.replace(first.manifest, golden=said)

    return copied(first, tmp_path_factory.mktemp("bundles") / "golden", fill).folder


@pytest.fixture
def copy(bundle, tmp_path):
    """A bundle that a test may damage."""
    return shutil.copytree(bundle, tmp_path / "copy")
