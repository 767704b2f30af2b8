"""Whole-body keypoints: an RTMW or DWPose file is checked, copied unchanged and given a card."""

import shutil
from pathlib import Path

import onnx

from export.frontends.pictures import pictures
from export.frontends.write_model import Staging, draft, finish, save_golden
from stream.bundle import external_data
from stream.bundle.model_card import Card, Preprocessing
from stream.errors import BundleError, ModelError
from stream.frontend.onnx_models.simcc import SPLIT
from stream.frontend.onnx_models.wholebody import MEAN, STD, extractor_of, size_of
from stream.inference.engine import Engine
from stream.verify import model_parity

LICENCE = (
    "not known here: open-mmlab publishes code and weights under Apache-2.0, data sets have their own terms"
)


def export_wholebody(source: str, out: Path) -> Card:
    """Copy the file to ``out`` under its own name, with its card. Raises ModelError for any other network."""
    path = Path(source)
    extractor = extractor_of(path)
    try:
        outside = sorted(external_data.check(path, path.parent))
        if outside:
            raise BundleError(
                f"{path}: expected a file that holds its weights, found some in {outside[0]}; "
                "save it as one file."
            )
        engine = Engine(path, threads=2)
    except BundleError as error:
        raise ModelError(str(error)) from error
    width, height = size_of(engine)
    model = onnx.load(path)
    half = any(w.data_type == onnx.TensorProto.FLOAT16 for w in model.graph.initializer)
    before = Preprocessing(
        resize="affine",
        width=width,
        height=height,
        mean=(MEAN[0] / 255, MEAN[1] / 255, MEAN[2] / 255),
        std=(STD[0] / 255, STD[1] / 255, STD[2] / 255),
        note="RGB; an upright crop of the input's aspect around the box grown by 1.25, bilinear, black "
        f"beyond the frame; SimCC, {SPLIT:g} bins a pixel",
    )
    card = draft(
        kind="keypoints",
        source=path.name,
        extractor=extractor,
        licence=LICENCE,
        graph=engine.graph,
        preprocessing=before,
        opset=max(entry.version for entry in model.opset_import),
        precision="fp16" if half else "fp32",
    )
    golden = {"pictures": pictures(before)}
    outputs = [engine(**case) for case in model_parity.feeds(card, golden)]
    place = out / path.name
    with Staging(place) as work:
        shutil.copyfile(path, work / place.name)
        save_golden(work, place, card, golden, outputs)
        return finish(
            work, place, card, None, "the file itself, ONNX Runtime on a CPU, which computes in float32"
        )
