"""A bundle is refused with one clear sentence when anything about it is wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream.bundle.load import Bundle, check_extractor, demo_bundle
from stream.cli.app import app
from stream.errors import BundleError, PublishError
from stream.frontend.mediapipe.embedded import EXTRACTOR


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo_bundle(), tmp_path / "bundle"))


def edit(bundle: Path, change: Callable[[dict], None]) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def ring_of(manifest: dict) -> dict:
    return manifest["modes"]["ring"]["steps"]["keypoints"]["ring"]


def shape_of(manifest: dict, name: str) -> list:
    """Of an input of the keypoints' smallest step, to be harmed."""
    inputs = manifest["modes"]["ring"]["steps"]["keypoints"]["graphs"]["1"]["inputs"]
    return next(tensor["shape"] for tensor in inputs if tensor["name"] == name)


def swap_hops(graphs: dict) -> None:
    graphs["1"], graphs["5"] = graphs["5"], graphs["1"]


def refused(bundle: Path, *fragments: str) -> None:
    with pytest.raises(BundleError) as caught:
        Bundle.load(bundle)
    message = str(caught.value)
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


def test_the_demo_bundle_loads_with_every_branch() -> None:
    manifest = Bundle.load(demo_bundle()).manifest
    assert set(manifest.modes["full"].branches) == {"keypoints", "image", "text"}
    assert (manifest.window.poses, manifest.window.features, manifest.window.rate) == (4000, 800, 25.0)
    assert manifest.prior == 0.5
    assert "no real-world meaning" in manifest.provenance.note


def test_the_demo_bundle_is_small() -> None:
    assert sum(path.stat().st_size for path in demo_bundle().rglob("*")) <= 15e6


def test_flipped_byte(bundle: Path) -> None:
    path = bundle / "keypoints.onnx"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    refused(bundle, "keypoints.onnx", "sha256", "expected", "found")


def test_missing_branch_file(bundle: Path) -> None:
    (bundle / "image.onnx").unlink()
    refused(bundle, "image.onnx", "found none")


def test_cut_short(bundle: Path) -> None:
    path = bundle / "text.onnx"
    path.write_bytes(path.read_bytes()[:-10])
    refused(bundle, "text.onnx", "bytes")


def test_unknown_schema(bundle: Path) -> None:
    edit(bundle, lambda m: m.update(schema=7))
    refused(bundle, "expected bundle schema 1, found 7")


def test_unknown_field(bundle: Path) -> None:
    edit(bundle, lambda m: m.update(pickle="yes"))
    refused(bundle, "manifest.json", "pickle")


def test_not_json(bundle: Path) -> None:
    (bundle / "manifest.json").write_text("{")
    refused(bundle, "manifest.json", "malformed")


def test_no_bundle_at_all(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere", "manifest.json", "found none")


@pytest.mark.parametrize("name", ["../outside.onnx", "/etc/passwd", "a\\..\\b"])
def test_file_outside(bundle: Path, name: str) -> None:
    edit(bundle, lambda m: m["files"].update({name: {"sha256": "0" * 64, "size": 1}}))
    refused(bundle, "inside the bundle")


def test_file_without_hash(bundle: Path) -> None:
    edit(bundle, lambda m: m["files"].pop("fusion.onnx"))
    refused(bundle, "hash for fusion.onnx")


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda m: m.update(prior=1.0), "prior"),
        (lambda m: m["window"].update(stride=0), "positive"),
        (lambda m: m["modes"]["full"]["calibration"]["slope"].pop("keypoints"), "same branches"),
        (lambda m: m.update(image=None), "image or text branch"),
        (lambda m: m["modes"]["full"].update(hop=0), "hop"),
        (lambda m: ring_of(m).update(capacity=2700), "the ring's bands, capacity"),
        (lambda m: ring_of(m).update(bands=[1335]), "the ring's bands, capacity"),
        (lambda m: ring_of(m).update(local=5), "the ring's bands, capacity"),
        (lambda m: shape_of(m, "tail").clear(), "the ring's bands, capacity"),
        (lambda m: shape_of(m, "bias").pop(), "the ring's bands, capacity"),
        (lambda m: swap_hops(m["modes"]["ring"]["steps"]["image"]["graphs"]), "and its hop"),
        (lambda m: m["modes"]["ring"]["branches"]["text"].update(precision="int8"), "share text.onnx"),
    ],
)
def test_values_that_make_no_sense(bundle: Path, change: Callable[[dict], None], fragment: str) -> None:
    edit(bundle, change)
    refused(bundle, fragment)


def test_calibration_must_cover_every_set_of_branches(bundle: Path) -> None:
    def drop(m: dict) -> None:
        calibration = m["modes"]["full"]["calibration"]
        calibration["slope"].pop("keypoints+text")
        calibration["bias"].pop("keypoints+text")

    edit(bundle, drop)
    refused(bundle, "calibration lacks keypoints+text")


def test_a_manifest_from_before_forms_were_noted_reads_guarded_descriptions(bundle: Path) -> None:
    edit(bundle, lambda m: m["text"].pop("form", None))
    text = Bundle.load(bundle).manifest.text
    assert text is not None
    assert text.form == "guarded"
    edit(bundle, lambda m: m["text"].update(form="loud"))
    refused(bundle, "form")


def learnt_from(name: str, sha256: str) -> Callable[[dict], None]:
    return lambda manifest: manifest["extractors"].update(keypoints={"name": name, "sha256": sha256})


def test_a_bundle_trained_on_another_extractor_is_refused(bundle: Path) -> None:
    for name, sha256 in (("OpenPose", "unknown"), (EXTRACTOR.name, "0" * 64), ("OpenPose", EXTRACTOR.sha256)):
        edit(bundle, learnt_from(name, sha256))
        with pytest.raises(BundleError) as caught:
            check_extractor(Bundle.load(bundle), EXTRACTOR)
        message = str(caught.value)
        assert f"points of {name} (sha256 {sha256[:12]})" in message
        assert EXTRACTOR.sha256[:12] in message
        assert "--any-extractor" in message
        assert "\n" not in message


def test_the_demo_bundle_learnt_from_what_is_shipped(bundle: Path) -> None:
    check_extractor(Bundle.load(bundle), EXTRACTOR)
    edit(bundle, learnt_from(EXTRACTOR.name, EXTRACTOR.sha256))
    check_extractor(Bundle.load(bundle), EXTRACTOR)


def test_an_untrained_bundle_and_another_image_encoder_are_accepted(bundle: Path) -> None:
    edit(bundle, lambda manifest: manifest["extractors"]["image"].update(sha256="0" * 64))
    check_extractor(Bundle.load(bundle), EXTRACTOR)
    edit(bundle, lambda manifest: manifest.update(extractors={}))
    check_extractor(Bundle.load(bundle), EXTRACTOR)


def test_watch_refuses_another_extractor_unless_told(bundle: Path) -> None:
    edit(bundle, learnt_from("OpenPose", "unknown"))

    def watch(*more: str) -> Exception | None:
        arguments = ["watch", "demo", "--bundle", str(bundle), "--publish", "nowhere", *more]
        return CliRunner().invoke(app, arguments).exception  # type: ignore[return-value]

    assert isinstance(watch(), BundleError)
    assert isinstance(watch("--any-extractor"), PublishError)  # what is checked next
