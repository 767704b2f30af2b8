"""Hostile manifests: one sentence each, in bounded time and memory."""

import json
import shutil
from pathlib import Path

import pytest

from stream.bundle.load import LARGEST_MANIFEST, demo_bundle, load
from stream.errors import BundleError


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(demo_bundle(), tmp_path / "copy")


def refused(folder: Path, words: str) -> None:
    with pytest.raises(BundleError, match=words) as caught:
        load(folder)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [("poses", 10**9), ("features", 10**9), ("stride", 10**12), ("rate", 1e308), ("offsets", [10**9])],
)
def test_a_window_that_no_machine_holds(copy: Path, key: str, value: object) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["window"][key] = value
    (copy / "manifest.json").write_text(json.dumps(manifest))
    refused(copy, "a window has at most")


def test_more_offsets_than_a_window_has(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["window"]["offsets"] = list(range(1, 1000))
    (copy / "manifest.json").write_text(json.dumps(manifest))
    refused(copy, "a window has at most")


def test_a_manifest_of_300_mb_is_not_read(copy: Path) -> None:
    with (copy / "manifest.json").open("r+b") as opened:
        opened.truncate(300_000_000)
    refused(copy, f"expected at most {LARGEST_MANIFEST // 1_000_000} MB of manifest")


def test_deep_nesting_is_refused(copy: Path) -> None:
    (copy / "manifest.json").write_text('{"schema": 1, "name": ' + "[" * 100_000 + "]" * 100_000 + "}")
    refused(copy, "malformed")
