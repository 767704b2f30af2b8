import shutil

import msgspec
import pytest

from export.bundles.write import write
from stream.bundle.load import load
from stream.errors import BundleError


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


def again(bundle):
    """What writes the same bundle again."""
    manifest = load(bundle).manifest

    def fill(folder):
        for name in manifest.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(bundle / name, folder / name)
        return msgspec.structs.replace(manifest, files={})

    return fill


@pytest.mark.parametrize("manifest", ["{}", '{"schema": 1}', '{"name": "a web app"}', "no JSON"])
def test_a_folder_with_another_manifest_stays(bundle, tmp_path, manifest):
    """`manifest.json` is a common name: of web apps, extensions, other tools."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text(manifest)
    (tmp_path / "app" / "work").write_text("years of it")
    with pytest.raises(BundleError, match="something else"):
        write(tmp_path / "app", again(bundle))
    assert (tmp_path / "app" / "work").read_text() == "years of it"
    assert (tmp_path / "app" / "manifest.json").read_text() == manifest


def test_a_file_beside_a_bundle_stays(bundle, copy):
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"found notes\.txt beside them"):
        write(copy, again(bundle))
    assert (copy / "notes.txt").read_text() == "mine"


def test_the_old_bundle_comes_back_when_the_last_rename_fails(bundle, copy, monkeypatch):
    from pathlib import Path

    rename = Path.rename

    def fail(path, target):
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="No space left"):
        write(copy, again(bundle))
    assert load(copy).manifest == load(bundle).manifest
    assert [p.name for p in copy.parent.iterdir()] == ["copy"]
