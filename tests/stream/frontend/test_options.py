"""Which networks the front end runs: the embedded ones unless told otherwise, and no half of a pair."""

from pathlib import Path

import pytest

from stream.errors import UsageError
from stream.frontend.options import FrontEndOptions

FILE = Path("model.onnx")


def test_the_embedded_networks_are_the_default() -> None:
    options = FrontEndOptions()
    assert (options.detector, options.keypoints, options.image) == ("pose", "holistic", None)
    assert (options.detector_model, options.keypoints_model) == (None, None)


@pytest.mark.parametrize(
    "chosen",
    [
        {"detector": "yolo", "detector_model": FILE},
        {"keypoints": "wholebody", "keypoints_model": FILE},
        {"detector": "yolo", "detector_model": FILE, "keypoints": "wholebody", "keypoints_model": FILE},
        {"image": FILE},
    ],
)
def test_pairs_that_belong_together(chosen: dict[str, object]) -> None:
    FrontEndOptions(**chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"detector": "ssd"}, "--detector: expected pose or yolo, found 'ssd'; choose one of these."),
        (
            {"keypoints": "openpose"},
            "--keypoints: expected holistic or wholebody, found 'openpose'; choose one of these.",
        ),
        (
            {"detector": "yolo"},
            "--detector yolo: expected its file as --detector-model, found none; give the ONNX file.",
        ),
        (
            {"keypoints_model": FILE},
            "--keypoints-model: expected it with --keypoints wholebody, found --keypoints holistic; "
            "give both or neither.",
        ),
    ],
)
def test_what_does_not_belong_together_is_one_sentence(chosen: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        FrontEndOptions(**chosen)  # type: ignore[arg-type]
    assert str(refused.value) == sentence
