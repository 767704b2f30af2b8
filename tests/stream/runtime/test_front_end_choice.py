"""The front end's options: what goes together, and whose points a bundle is held against."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream.bundle.load import demo_bundle
from stream.cli.app import app
from stream.errors import ModelError, UndertoneError, UsageError
from stream.files import sha256_of
from stream.frontend.mediapipe.embedded import EXTRACTOR
from stream.runtime.front_end_choice import Choice


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"detector": "ssd"}, "--detector: expected pose or yolo, found 'ssd'"),
        ({"keypoints": "openpose"}, "--keypoints: expected holistic or wholebody, found 'openpose'"),
        ({"detector": "yolo"}, "--detector yolo: expected its file as --detector-model, found none"),
        ({"keypoints": "wholebody"}, "--keypoints wholebody: expected its file as --keypoints-model"),
        ({"detector_model": Path("y.onnx")}, "--detector-model: expected it with --detector yolo"),
        ({"keypoints_model": Path("w.onnx")}, "--keypoints-model: expected it with --keypoints wholebody"),
    ],
)
def test_what_does_not_go_together(options, words) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        Choice(**options)
    assert "\n" not in str(raised.value)


def test_points_of_another_network_are_another_extractor(tmp_path) -> None:
    assert Choice().extractor == EXTRACTOR
    path = tmp_path / "rtmw-x.onnx"
    path.write_bytes(b"network")
    found = Choice(keypoints="wholebody", keypoints_model=path).extractor
    assert (found.name, found.sha256) == ("rtmw-x", sha256_of(path))
    with pytest.raises(ModelError, match="found none"):
        _ = Choice(keypoints="wholebody", keypoints_model=tmp_path / "none.onnx").extractor


def test_a_bundle_trained_on_holistic_refuses_whole_body_points(tmp_path) -> None:
    path = tmp_path / "rtmw-x.onnx"
    path.write_bytes(b"network")
    bundle = shutil.copytree(demo_bundle(), tmp_path / "bundle")
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["extractors"] = {"keypoints": {"name": EXTRACTOR.name, "sha256": EXTRACTOR.sha256}}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    arguments = ["watch", "demo", "--bundle", str(bundle)]
    arguments += ["--keypoints", "wholebody", "--keypoints-model", str(path)]
    with pytest.raises(UndertoneError, match=r"expected points of mediapipe.*found rtmw-x"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    with pytest.raises(UndertoneError, match="expected a whole ONNX graph"):
        CliRunner().invoke(
            app, [*arguments, "--any-extractor", "--publish", "tcp://127.0.0.1:0"], catch_exceptions=False
        )


def test_a_detector_without_its_card_is_one_sentence(tmp_path) -> None:
    path = tmp_path / "yolo.onnx"
    path.write_bytes(b"network")
    with pytest.raises(ModelError, match="expected the model's card beside it"):
        Choice(detector="yolo", detector_model=path).build()
