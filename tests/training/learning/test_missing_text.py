"""Missing text changes the fused confidence through the learned absent vector and through nothing else.

In the network, in the exported graph, and live; the calibration knows which branches spoke and nothing more.
"""

import dataclasses

import numpy as np
import onnx
import pytest
import torch
from front_end_stand_in import StandIn
from msgspec import structs
from onnx import numpy_helper

from stream.branches.calibration import calibrated
from stream.bundle.load import demo_bundle, load
from stream.bundle.manifest import BRANCHES, Window, key_of
from stream.inference.engine import Engine
from stream.records import Frame, Portrait, Pose
from stream.runtime.analyzer import Analyzer
from stream.skeleton import COUNT
from training.config import Bert, Model, Target, Temporal
from training.data.prepared import prepare
from training.data.sampling import assemble
from training.learning.predict import latest
from training.model.fused import Fused
from training.model.text import train_tokenizer
from training.simulator.behaviour import DEMO
from training.simulator.recordings import simulate

pytestmark = pytest.mark.slow

SMALL = Temporal(dim=16, feedforward=32)
WINDOW = Window(poses=100, features=20)
SIZES = Model(
    out=16,
    hidden=16,
    keypoints=SMALL,
    image=SMALL,
    text=Bert(dim=16, feedforward=32, layers=1, length=24),
    image_features=4,
)
TEXT = BRANCHES.index("text")


@pytest.fixture(params=["concat", "cross"])
def model(request):
    torch.manual_seed(0)
    return Fused(structs.replace(SIZES, fusion=request.param), WINDOW, vocabulary=200).eval()


def batch_of(text):
    """One made-up person of 4 s, described by ``text`` or by nobody."""
    tokenizer = train_tokenizer(["a nod", "a frown", "lips pressed"], 200)
    person = dataclasses.replace(simulate(DEMO, 1, 4.0, 3), text=text)
    prepared = prepare(person, WINDOW, tokenizer, SIZES.text.length, SIZES.image_features)
    return assemble([latest(prepared, WINDOW, prepared.ticks)], WINDOW, Target())


@torch.no_grad()
def test_in_the_network(model):
    told, untold = batch_of("a nod, a frown"), batch_of(None)
    assert told.present[0].tolist() == [True, False, True]
    assert untold.present[0].tolist() == [True, False, False]
    vectors = model.vectors(told)
    with_text = model.fuse(vectors, told.present)
    without = model.fuse(model.vectors(untold), untold.present)
    assert not torch.allclose(with_text, without)
    # Whatever was said, or stands where nothing was said, is not read where text is absent …
    for other in (told, batch_of("lips pressed")):
        assert torch.equal(model.fuse(model.vectors(other), untold.present), without)
    # … and all that is read in its place is the absent vector.
    absent = model.fusion.absent[TEXT : TEXT + 1]
    assert torch.equal(model.fuse(vectors | {"text": absent}, told.present), without)
    model.fusion.absent[TEXT] += 1.0
    assert not torch.allclose(model.fuse(vectors, untold.present), without)
    assert torch.equal(model.fuse(vectors, told.present), with_text)


@torch.no_grad()
def test_padding_is_not_read(model):
    told = batch_of("a nod, a frown")
    before = model.vector("text", told)
    told.ids[~told.ids_mask] = 7
    assert torch.equal(model.vector("text", told), before)


@pytest.fixture(scope="module")
def bundle():
    return load(demo_bundle())


def absent_of(bundle):
    """The learned vectors in the delivered graph, float32 [3, E]."""
    graph = onnx.load(bundle.path(bundle.manifest.modes["full"].fusion.file)).graph
    return next(numpy_helper.to_array(i) for i in graph.initializer if i.name == "absent")


def test_in_the_delivered_graph(bundle):
    fusion = bundle.manifest.modes["full"].fusion
    engine = Engine(bundle.path(fusion.file), fusion, provider="cpu", threads=1)
    absent = absent_of(bundle)[TEXT : TEXT + 1]
    rng = np.random.default_rng(0)
    vectors = {name: rng.standard_normal(absent.shape).astype(np.float32) for name in ("keypoints", "image")}

    def logit(text, there):
        present = np.array([[True, True, there]])
        return engine(**vectors, text=text.astype(np.float32), present=present)[0].item()

    without = logit(np.zeros_like(absent), False)
    assert logit(1e6 * np.ones_like(absent), False) == without
    assert logit(absent, True) == without
    assert logit(np.ones_like(absent), True) != without


class Somebody(StandIn):
    """A front end that always sees somebody who moves."""

    def look(self, frame):
        points = (100 + 80 * np.random.default_rng(frame.index).random((COUNT, 2))).astype(np.float32)
        return Portrait((80.0, 80.0, 200.0, 210.0), 1.0), Pose(points, np.ones(COUNT, np.bool_))


def test_live(bundle):
    reading = Analyzer(bundle, Somebody(), mode="full")
    for i in range(60):
        reading.observe(Frame(i, i / 25, float(i), np.full((240, 320, 3), i, np.uint8)))
    without = reading.estimate()
    reading.describe("AU12, the lip corners are pulled up, twice", pts=1.0)
    assert reading.estimate().win != without.win
    reading.describe(None, pts=2.0)
    assert reading.estimate().win == without.win
    mode, view = bundle.manifest.modes["full"], reading.window.read(59)
    vectors = reading._informative(reading._temporal.vectors(view), view)
    there = sorted(vectors)
    logit = reading._temporal.fuse(vectors | {"text": absent_of(bundle)[TEXT : TEXT + 1]})
    assert key_of(there) in mode.calibration.slope
    assert without.win == calibrated(mode.calibration, logit, there, view.figures.valid_s, reading.prior)
