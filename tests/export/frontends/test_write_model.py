"""Graph, card and golden outputs: written together or not at all, and held against the network."""

import msgspec
import numpy as np
import onnx
import pytest
import torch

from export.frontends import write_model
from export.frontends.write_model import Staging, check_parity, difference, draft, golden_file, whole, write
from export.lowering.to_onnx import export
from stream.bundle.manifest import Extractor
from stream.bundle.model_card import Preprocessing, card_of
from stream.errors import ModelError, UsageError
from stream.files import sha256_of
from stream.verify import model_parity


class Net(torch.nn.Module):
    """A portrait of 4 × 4 → a vector of 8."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(48, 8)

    def forward(self, portrait):
        return self.layer(portrait.flatten(1))


def card(graph):
    return draft(
        "torch",
        kind="image",
        source="made up",
        extractor=Extractor(name="made up", sha256="0" * 64),
        licence="none",
        graph=graph,
        preprocessing=Preprocessing(
            resize="stretch", width=4, height=4, mean=(0.5,) * 3, std=(0.5,) * 3, note=""
        ),
        token="cls",
        opset=18,
        precision="fp32",
    )


def portraits(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (2, 4, 4, 3)).astype(np.uint8)


def written(place, **changes):
    case = {"portrait": np.random.default_rng(3).normal(size=(1, 3, 4, 4)).astype(np.float32)}
    options = {"precision": "fp32", "cases": [case], "golden": {"pictures": portraits()}, **changes}
    return write(Net().eval(), {"portrait": torch.zeros(1, 3, 4, 4)}, "vector", place, card, **options)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_all_three_files_belong_together(tmp_path, precision):
    place = tmp_path / "small.onnx"
    found = written(place, precision=precision)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "small.golden.npz",
        "small.json",
        "small.onnx",
    ]
    assert card_of(place, "image") == found
    assert (found.sha256, found.size) == (sha256_of(place), place.stat().st_size)
    assert found.golden.sha256 == sha256_of(tmp_path / golden_file(place))
    assert found.parity.cases == 3, "one that was given and the golden ones"
    assert found.tools["undertone"]
    assert model_parity.check(model_parity.open_model(place, "image")).passed


def test_files_beside_the_model_come_along(tmp_path):
    (tmp_path / "words").write_text("[]")
    written(tmp_path / "out" / "small.onnx", extra_files={"small.tokenizer.json": tmp_path / "words"})
    assert (tmp_path / "out" / "small.tokenizer.json").read_text() == "[]"


def test_a_graph_that_differs_leaves_nothing_behind(tmp_path, monkeypatch):
    real = write_model.export

    def other(module, *rest):
        graph = real(module, *rest)
        with torch.no_grad():
            module.layer.weight *= 1.01
        return graph

    monkeypatch.setattr(write_model, "export", other)
    with pytest.raises(ModelError, match=r"small\.onnx: expected the fp32 graph to equal its network"):
        written(tmp_path / "small.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_older_model_stays_when_the_new_one_fails(tmp_path, monkeypatch):
    before = written(tmp_path / "small.onnx")
    monkeypatch.setattr(write_model, "check_parity", lambda *a: (_ for _ in ()).throw(ModelError("no")))
    with pytest.raises(ModelError):
        written(tmp_path / "small.onnx")
    assert card_of(tmp_path / "small.onnx") == before


def test_without_a_case_nothing_is_proven(tmp_path):
    net = Net().eval()
    graph = export(net, {"portrait": torch.zeros(1, 3, 4, 4)}, "vector", tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="in 0 cases"):
        check_parity(net, graph, tmp_path / "x.onnx", [], "fp32", whole)


def test_too_many_weights_for_float16_are_said_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(write_model, "LARGEST", 100)
    with pytest.raises(ModelError, match=r"GB of weights for fp16, .*export it in fp32"):
        written(tmp_path / "small.onnx", precision="fp16")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("expected", "found", "far"),
    [
        ([3.0, 4.0], [3.0, 4.0], (0.0, 1.0)),
        ([3.0, 4.0], [6.0, 8.0], (1.0, 1.0)),
        ([1.0, 0.0], [0.0, 1.0], (2**0.5, 0.0)),
        ([1.0, 0.0], [-1.0, 0.0], (2.0, -1.0)),
        ([1.0, 0.0], [np.nan, 0.0], (np.inf, -1.0)),
        ([np.inf, 0.0], [np.inf, 0.0], (np.inf, -1.0)),
        ([1.0], [1.0, 1.0], (np.inf, -1.0)),
    ],
)
def test_how_far_two_answers_are_apart(expected, found, far):
    assert difference(np.array(expected), np.array(found)) == pytest.approx(far)


def test_staging_cleans_up_and_says_where_nothing_can_be_written(tmp_path):

    def breaks():
        with Staging(tmp_path / "out" / "x.onnx") as work:
            (work / "half").write_text("")
            raise KeyError

    with pytest.raises(KeyError):
        breaks()
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match="expected a folder to write models to"),
        Staging(tmp_path / "file" / "x.onnx"),
    ):
        pass


def test_the_card_comes_last(tmp_path, monkeypatch):
    """A model without its card is refused; a card without its model would be believed."""
    moved, real = [], type(tmp_path).replace
    monkeypatch.setattr(type(tmp_path), "replace", lambda s, to: (moved.append(to.name), real(s, to))[1])
    written(tmp_path / "small.onnx")
    assert moved[-1] == "small.json"
    assert onnx.load(tmp_path / "small.onnx").graph.output[0].name == "vector"
    assert msgspec.json.decode((tmp_path / "small.json").read_bytes())["file"] == "small.onnx"
