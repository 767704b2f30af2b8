"""A manifest says of a run what a reader must know first."""

import pytest
from msgspec import structs

from stream.bundle.manifest import Calibration, Graph, Mode, key_of
from stream.errors import UsageError
from training.config import Calibrating
from training.data.simulated import sample_texts
from training.delivery.manifest import check_knots, image_input, manifest_of
from training.learning.calibration import subsets
from training.learning.checkpoint import Checkpoint, build
from training.model.text import train_tokenizer

GRAPH = Graph(file="x.onnx", inputs=(), outputs=())
KEYS = [key_of(some) for some in subsets(("keypoints", "text"))]
PLAIN = Calibration(knots_s=(1.0,), slope=dict.fromkeys(KEYS, (1.0,)), bias=dict.fromkeys(KEYS, (0.0,)))


@pytest.fixture(scope="module")
def checkpoint(tiny_recipe):
    """Untrained: nothing here depends on what was learnt."""
    tokenizer = train_tokenizer(sample_texts(tiny_recipe, 50), 200)
    return Checkpoint(
        tiny_recipe, build(tiny_recipe, tokenizer), tokenizer, {"branches": ["keypoints", "text"]}
    )


def manifest(checkpoint, **about):
    told = Checkpoint(checkpoint.recipe, checkpoint.model, checkpoint.tokenizer, checkpoint.about | about)
    mode = Mode(branches=dict.fromkeys(told.about["branches"], GRAPH), fusion=GRAPH, hop=5, calibration=PLAIN)
    return manifest_of(told, {"full": mode}, extractors={}, image=None, command="a command")


def test_what_a_run_learnt_from_is_said(checkpoint):
    made_up = manifest(checkpoint)
    assert made_up.provenance.note == checkpoint.recipe.delivery.note
    real = manifest(checkpoint, corpus="iMiGUE", simulated=False)
    assert real.provenance.data == "iMiGUE"
    unknown = "its accuracy on other people in other places is unknown."
    assert real.provenance.note == f"Trained on iMiGUE: {unknown}"
    assert real.provenance.command == "a command"


def test_texts_are_described_only_where_they_were_learnt(checkpoint):
    assert manifest(checkpoint).text.form == "guarded"
    assert manifest(checkpoint, text_form="paper").text.form == "paper"
    assert manifest(checkpoint, branches=["keypoints"]).text is None


def test_a_bundle_without_encoder_has_no_image_input():
    assert image_input(None, None, 8) is None
    assert image_input(GRAPH, None, 8) is None


def test_a_calibration_ends_within_the_window(tiny_recipe):
    check_knots(tiny_recipe)
    late = structs.replace(tiny_recipe, calibrating=Calibrating(knots_s=(1.0, 6.5), windows=32))
    with pytest.raises(UsageError, match=r"knots_s up to the window's 6 s, found 6\.5 s"):
        check_knots(late)
