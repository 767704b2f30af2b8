"""Pictures, and MediaPipe Holistic's own numbers for them.

The recipe is benchmarks/peers/mediapipe: ``pictures.py`` makes the pixels, ``reference.py`` ran MediaPipe on
them, ``agreement.py`` measures distances. The numbers lie in tests/golden/holistic.
"""

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stream.bundle.model_cache import cache_dir

ROOT = Path(__file__).resolve().parents[3]


def _peer(name: str) -> ModuleType:
    path = ROOT / "benchmarks" / "peers" / "mediapipe" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"mediapipe_peer_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def agreement() -> ModuleType:
    return _peer("agreement")


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """``picture/variant`` → what MediaPipe Holistic 0.10.21 found there."""
    text = (ROOT / "tests" / "golden" / "holistic" / "reference.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)["pictures"]
    return found


@pytest.fixture(scope="session")
def pictures() -> dict[str, dict[str, np.ndarray]]:
    """picture → variant → RGB uint8 [H, W, 3]."""
    peer = _peer("pictures")
    folder = cache_dir() / "pictures"
    try:
        plain = {name: peer.picture(name, folder) for name in peer.PICTURES}
    except subprocess.CalledProcessError:
        pytest.fail(
            f"bus.jpg and zidane.jpg are not in {folder} and pip could not bring them from the wheel of "
            f"{peer.SAMPLES}; run the tests once with a package index in reach",
            pytrace=False,
        )
    return {
        name: {variant: change(image) for variant, change in peer.VARIANTS.items()}
        for name, image in plain.items()
    }


@pytest.fixture(scope="session")
def astronaut(pictures: dict[str, dict[str, np.ndarray]]) -> np.ndarray:
    return pictures["astronaut"]["plain"]
