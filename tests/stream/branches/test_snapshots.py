"""Snapshots on disk: whole or not at all, of this bundle and this schema, for their owner alone."""

import stat
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from stream.branches import snapshots
from stream.bundle.load import Bundle
from stream.errors import UsageError

ARRAYS = {"row": np.array(7), "keys": np.arange(6, dtype=np.float32).reshape(2, 3), "mask": np.array([True])}


def test_what_was_saved_comes_back(bundle: Bundle, tmp_path: Path) -> None:
    snapshots.save(tmp_path / "ring.npz", bundle, ARRAYS)
    found = snapshots.load(tmp_path / "ring.npz", bundle)
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_it_is_its_owner_s_and_nothing_lies_beside_it(bundle: Bundle, tmp_path: Path) -> None:
    snapshots.save(tmp_path / "ring.npz", bundle, ARRAYS)
    snapshots.save(tmp_path / "ring.npz", bundle, {"row": np.array(8)})
    assert [path.name for path in tmp_path.iterdir()] == ["ring.npz"]
    assert stat.S_IMODE((tmp_path / "ring.npz").stat().st_mode) == 0o600
    assert snapshots.load(tmp_path / "ring.npz", bundle)["row"] == 8


def test_a_place_that_is_none_is_one_sentence(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a place for a snapshot, found none \(No such file"):
        snapshots.save(tmp_path / "none" / "ring.npz", bundle, ARRAYS)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut short", b"text"])
def test_another_file_is_one_sentence(bundle: Bundle, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ring.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        UsageError, match=r"expected a snapshot of a ring, found something else .*start without it"
    ):
        snapshots.load(path, bundle)


def test_an_archive_that_holds_objects_is_never_unpickled(bundle: Bundle, tmp_path: Path) -> None:
    np.savez(tmp_path / "ring.npz", schema=1, bundle=bundle.sha256, row=np.array([{}], object))
    with pytest.raises(UsageError, match="found something else"):
        snapshots.load(tmp_path / "ring.npz", bundle)


def test_another_schema_or_bundle_is_named(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "ring.npz"
    np.savez(path, schema=99, bundle=bundle.sha256)
    with pytest.raises(UsageError, match="expected snapshot schema 1, found 99; start without it"):
        snapshots.load(path, bundle)
    snapshots.save(path, structs.replace(bundle, sha256="f" * 64), ARRAYS)
    with pytest.raises(UsageError, match=rf"{bundle.sha256[:12]}….*found one of another \(ffffffffffff…\)"):
        snapshots.load(path, bundle)
