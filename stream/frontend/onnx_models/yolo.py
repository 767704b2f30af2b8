"""People in a frame, by a YOLO detector exported to ONNX, with ultralytics' pre- and postprocessing.

Source: ultralytics 8.4 (``LetterBox``, ``non_max_suppression``, ``scale_boxes``), which is not imported
because of its licence.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stream.bundle.model_card import Card, card_of
from stream.errors import ModelError
from stream.frontend.detection import Detection
from stream.geometry import Box, Region
from stream.inference.engine import Engine
from stream.records import Floats, Image

CONFIDENCE = 0.25
SUPPRESSION = 0.7  # boxes that overlap more are one person
MOST = 300  # people per frame
GROWTH = 1.25  # of the box, for the keypoints
_GREY = (114, 114, 114)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture was fitted into the network's input: scaled and centred on grey."""

    width: int  # of the picture, pixels
    height: int
    scaled: tuple[int, int]  # width, height in the input
    left: int  # grey columns before it
    top: int  # grey rows above it

    @classmethod
    def of(cls, width: int, height: int, size: tuple[int, int]) -> "Fit":
        """The fit of a picture into ``size`` (width, height)."""
        gain = min(size[0] / width, size[1] / height)
        scaled = max(round(width * gain), 1), max(round(height * gain), 1)
        left, top = (round((room - took) / 2 - 0.1) for room, took in zip(size, scaled, strict=True))
        return cls(width, height, scaled, left, top)

    def back(self, boxes: Floats) -> Floats:
        """Boxes [N, 4], corners in pixels of the input → in pixels of the picture, clipped to it."""
        gain = np.array((self.scaled[0] / self.width, self.scaled[1] / self.height) * 2, np.float32)
        limit = np.array((self.width, self.height) * 2, np.float32)
        away = np.array((self.left, self.top) * 2, np.float32)
        return np.asarray(np.clip((boxes - away) / gain, 0, limit), np.float32)


def letterboxed(image: Image, size: tuple[int, int]) -> tuple[Image, Fit]:
    """The picture centred in ``size`` (width, height) on grey, with its aspect ratio kept."""
    fit = Fit.of(image.shape[1], image.shape[0], size)
    if fit.scaled != (fit.width, fit.height):
        image = np.asarray(cv2.resize(image, fit.scaled, interpolation=cv2.INTER_LINEAR), np.uint8)
    right, bottom = size[0] - fit.scaled[0] - fit.left, size[1] - fit.scaled[1] - fit.top
    framed = cv2.copyMakeBorder(image, fit.top, bottom, fit.left, right, cv2.BORDER_CONSTANT, value=_GREY)
    return np.asarray(framed, np.uint8), fit


def decode(
    raw: Floats, person: int = 0, *, confidence: float = CONFIDENCE, suppression: float = SUPPRESSION
) -> tuple[Floats, Floats]:
    """A network's output → people, best first: boxes [M, 4], corners in pixels of the input, and scores [M].

    ``raw`` is [4 + classes, N]: centre, width and height, then a score per class. Boxes whose best class is
    not "person" are dropped.
    """
    scores = raw[4:].max(axis=0)
    there = np.flatnonzero(scores > confidence)
    there = there[raw[4:, there].argmax(axis=0) == person]
    scores = scores[there]
    middle, side = raw[:2, there].T, raw[2:4, there].T
    corner = middle - side / 2
    rectangles = np.concatenate((corner, side), axis=1)
    kept = np.asarray(
        cv2.dnn.NMSBoxes(rectangles.tolist(), scores.tolist(), confidence, suppression), np.intp
    )
    kept = kept[:MOST]
    boxes = np.concatenate((corner, corner + side), axis=1)
    return np.asarray(boxes[kept], np.float32), scores[kept]


class YoloDetector:
    """Finds people; stateless. Raises ModelError unless the file and its card describe a detector."""

    def __init__(self, path: Path, *, provider: str = "cpu", threads: int = 2) -> None:
        card = card_of(path, "detector")
        self._engine = Engine(path, card.graph, provider=provider, threads=threads)
        self.size, self._person = _checked(path, card)
        self._engine.warm_up()
        self.ms = 0.0  # of the last search

    def levels(self, width: int, height: int) -> list[list[Region]]:
        """No further views: people of any size are found in the whole frame."""
        return []

    def search(self, image: Image, view: Region) -> list[Detection]:
        """All people found in an upright view of the frame, best score first."""
        started = time.perf_counter()
        left, top = max(0, round(view.box[0])), max(0, round(view.box[1]))
        part = image[top : max(top + 1, round(view.box[3])), left : max(left + 1, round(view.box[2]))]
        framed, fit = letterboxed(part, self.size)
        pixels = framed.transpose(2, 0, 1)[None].astype(np.float32)
        pixels /= np.float32(255)
        (raw,) = self._engine(images=pixels)
        boxes, scores = decode(np.asarray(raw[0], np.float32), self._person)
        found = fit.back(boxes) + np.array((left, top) * 2, np.float32)
        people = [
            Detection(float(score), (box := _box(corners)), grown(box))
            for corners, score in zip(found, scores, strict=True)
        ]
        self.ms = 1e3 * (time.perf_counter() - started)
        return people


def grown(box: Box) -> Region:
    """The region for the keypoints: the box with a margin."""
    x0, y0, x1, y1 = box
    return Region((x0 + x1) / 2, (y0 + y1) / 2, GROWTH * (x1 - x0), GROWTH * (y1 - y0))


def _box(corners: Floats) -> Box:
    x0, y0, x1, y1 = corners.tolist()
    return x0, y0, x1, y1


def _checked(path: Path, card: Card) -> tuple[tuple[int, int], int]:
    """Input (width, height) and the person's class."""
    inputs = [(t.name, t.shape) for t in card.graph.inputs]
    outputs = [t.shape for t in card.graph.outputs]
    good = (
        len(inputs) == len(outputs) == 1
        and inputs[0][0] == "images"
        and (shape := inputs[0][1])[:2] == (1, 3)
        and len(shape) == 4
        and len(outputs[0]) == 3
        and outputs[0][0] == 1
        and outputs[0][1] > 4
    )
    if not good or card.person is None:
        raise ModelError(
            f"{path}: expected a detector with pictures [1, 3, H, W] in and boxes [1, 4 + classes, N] out, "
            f"found {[shape for _, shape in inputs]} and {outputs}; "
            "export one with `undertone-export frontends detector`."
        )
    return (shape[3], shape[2]), card.person
