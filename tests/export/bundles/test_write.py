import shutil

import msgspec
import pytest

from export.bundles.write import save, write
from export.commands.smoke import inspect
from stream.bundle.load import load, parse
from stream.errors import BundleError


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "copy")


def test_round_trip(bundle, tmp_path):
    manifest = load(bundle).manifest

    def fill(folder):
        for name in manifest.files:
            shutil.copy(bundle / name, folder / name)
        return msgspec.structs.replace(manifest, files={})

    again = write(tmp_path / "again", fill)
    assert again.manifest == manifest
    assert [p.name for p in tmp_path.iterdir()] == ["again"]
    write(tmp_path / "again", fill)  # replaces a bundle


def test_a_failed_write_leaves_what_was_there(copy):
    before = (copy / "manifest.json").read_bytes()

    def fail(folder):
        (folder / "half.onnx").write_bytes(b"half")
        raise BundleError("stopped on purpose")

    with pytest.raises(BundleError, match="on purpose"):
        write(copy, fail)
    assert (copy / "manifest.json").read_bytes() == before
    assert [p.name for p in copy.parent.iterdir()] == ["copy"]


def test_never_writes_over_something_else(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("years of work")
    with pytest.raises(BundleError, match="something else"):
        write(tmp_path / "thesis", lambda folder: None)
    assert (tmp_path / "thesis" / "chapter").read_text() == "years of work"


@pytest.mark.parametrize("name", ["keypoints.onnx", "image_encoder.onnx", "tokenizer.json"])
def test_a_flipped_bit_is_found(copy, name):
    raw = bytearray((copy / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (copy / name).write_bytes(raw)
    with pytest.raises(BundleError, match=f"{name}.*sha256"):
        load(copy)


@pytest.mark.parametrize("name", ["fusion.onnx", "text.onnx"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(BundleError, match=name):
        load(copy)


def test_a_wrong_shape_is_found_by_check(copy):
    manifest = load(copy).manifest
    longer = msgspec.json.encode(manifest).replace(b"[1,60,200]", b"[1,61,200]")
    save(copy, parse(longer))
    with pytest.raises(BundleError, match=r"keypoints\.onnx.*61"):
        list(inspect(load(copy)))
