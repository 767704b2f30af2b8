"""A graph's tensors against its entry, and as a file alone describes them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stream.bundle.manifest import Tensor
from stream.errors import BundleError, ModelError
from stream.inference.tensors import compare, graph_from_session

FILE = Path("fusion.onnx")
MASK = Tensor(name="mask", shape=(1, 8), dtype="bool")
BODY = Tensor(name="body", shape=(1, 8, 200), dtype="float32")


def node(name: str, shape: list[Any], kind: str = "tensor(float)") -> Any:
    return SimpleNamespace(name=name, shape=shape, type=kind)


HERE = [node("body", [1, 8, 200]), node("mask", [1, 8], "tensor(bool)")]


def test_equal_tensors_in_any_order() -> None:
    compare(FILE, (MASK, BODY), HERE, "input")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([HERE[0], node("mask", [1, 9], "tensor(bool)")], r"mask as bool\[1, 8\], found bool\[1, 9\]"),
        ([HERE[0], node("mask", [1, 8])], r"mask as bool\[1, 8\], found float32\[1, 8\]"),
        (HERE[:1], r"mask as bool\[1, 8\], found nothing"),
        ([*HERE, node("z", ["batch"])], r"z as nothing, found float32\['batch'\]"),
        (
            [HERE[0], node("mask", [1, 8], "tensor(uint8)")],
            r"mask as bool\[1, 8\], found tensor\(uint8\)\[1, 8\]",
        ),
    ],
)
def test_a_difference_is_one_sentence(found: list[Any], words: str) -> None:
    with pytest.raises(
        BundleError, match=rf"^fusion\.onnx: expected input {words}; .* export the bundle again\.$"
    ):
        compare(FILE, (MASK, BODY), found, "input")


class Session:
    """Gives zeros of its outputs' shapes; keeps what it was run on."""

    def __init__(self, inputs: list[Any], outputs: dict[str, np.ndarray]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.ran: dict[str, np.ndarray] = {}

    def get_inputs(self) -> list[Any]:
        return self.inputs

    def get_outputs(self) -> list[Any]:
        return [node(name, []) for name in self.outputs]

    def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.ran = inputs
        return [self.outputs[name] for name in names]


@pytest.mark.parametrize("batch", [1, "N", None])
def test_an_open_batch_is_one_and_outputs_are_measured(batch: Any) -> None:
    session = Session([node("x", [batch, 3, 4])], {"y": np.zeros((1, 7), np.float32)})
    graph = graph_from_session(FILE, session)
    assert graph.file == "fusion.onnx"
    assert graph.inputs == (Tensor(name="x", shape=(1, 3, 4), dtype="float32"),)
    assert graph.outputs == (Tensor(name="y", shape=(1, 7), dtype="float32"),)
    assert session.ran["x"].shape == (1, 3, 4)


@pytest.mark.parametrize("found", [node("x", [1, 3, "w"]), node("x", [1, 3], "tensor(uint8)")])
def test_inputs_that_are_open_or_no_floats_are_refused(found: Any) -> None:
    with pytest.raises(ModelError, match="expected float32 inputs of fixed shape, found x as"):
        graph_from_session(FILE, Session([found], {}))


def test_outputs_that_are_no_floats_are_refused() -> None:
    session = Session([node("x", [1, 3])], {"y": np.zeros(2, np.int64)})
    with pytest.raises(ModelError, match="expected float32 outputs, found y as int64"):
        graph_from_session(FILE, session)
