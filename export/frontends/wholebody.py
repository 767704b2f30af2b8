"""Whole-body keypoints: an RTMW or DWPose file is taken as it is, checked, and given a card."""

import shutil
from pathlib import Path

import onnx

from export.frontends.writing import Staging, finish, versions
from stream.cards import Card, Preprocessing
from stream.engine import Engine
from stream.errors import BundleError, ModelError
from stream.keypoints.simcc import SPLIT
from stream.keypoints.wholebody import MEAN, STD, extractor_of, size_of

LICENCE = (
    "not known here: open-mmlab publishes code and weights under Apache-2.0, data sets have their own terms"
)


def export_wholebody(source: str, out: Path) -> Card:
    """Copy the file to ``out`` under its own name, with its card. Raises ModelError for any other network."""
    path = Path(source)
    extractor = extractor_of(path)
    try:
        engine = Engine(path)
    except BundleError as error:
        raise ModelError(str(error)) from error
    width, height = size_of(engine)
    model = onnx.load(path)
    half = any(w.data_type == onnx.TensorProto.FLOAT16 for w in model.graph.initializer)
    card = Card(
        kind="keypoints",
        file="",
        sha256="",
        size=0,
        source=path.name,
        extractor=extractor,
        licence=LICENCE,
        graph=engine.graph,
        preprocessing=Preprocessing(
            resize="affine",
            width=width,
            height=height,
            mean=(MEAN[0] / 255, MEAN[1] / 255, MEAN[2] / 255),
            std=(STD[0] / 255, STD[1] / 255, STD[2] / 255),
            note="RGB; an upright crop of the input's aspect around the box grown by 1.25, bilinear, black "
            f"beyond the frame; SimCC, {SPLIT:g} bins a pixel",
        ),
        opset=max(entry.version for entry in model.opset_import),
        precision="fp16" if half else "fp32",
        tools=versions("onnx", "onnxruntime-gpu"),
        created="",
    )
    place = out / path.name
    with Staging(place) as work:
        shutil.copyfile(path, work / place.name)
        return finish(work, place, card, None)
