"""Providers and shapes are checked when a graph is loaded, not when it first disappoints."""

import msgspec
import numpy as np
import pytest

from stream.bundle.load import Bundle, demo_bundle
from stream.bundle.manifest import Tensor
from stream.errors import BundleError, ProviderError
from stream.inference.engine import Engine


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(demo_bundle())


def test_runs_what_the_manifest_says(bundle: Bundle) -> None:
    graph = bundle.manifest.modes["full"].fusion
    engine = Engine(bundle.path(graph.file), graph)
    (logit,) = engine(**{t.name: np.zeros(t.shape, t.dtype) for t in graph.inputs})
    assert logit.shape == (1, 1)
    assert np.isfinite(logit).all()


def test_wrong_shape_names_expected_and_found(bundle: Bundle) -> None:
    graph = bundle.manifest.modes["full"].fusion
    first = graph.inputs[0]
    wrong = msgspec.structs.replace(
        graph, inputs=(Tensor(name=first.name, shape=(1, 3), dtype=first.dtype), *graph.inputs[1:])
    )
    with pytest.raises(
        BundleError, match=r"fusion\.onnx: expected input keypoints as float32\[1, 3\], found float32"
    ):
        Engine(bundle.path(graph.file), wrong)


def test_missing_output_is_named(bundle: Bundle) -> None:
    graph = bundle.manifest.modes["full"].fusion
    wrong = msgspec.structs.replace(graph, outputs=(Tensor(name="verdict", shape=(1, 1), dtype="float32"),))
    with pytest.raises(BundleError, match="output logit as nothing"):
        Engine(bundle.path(graph.file), wrong)


def test_unknown_provider(bundle: Bundle) -> None:
    graph = bundle.manifest.modes["full"].fusion
    with pytest.raises(ProviderError, match="expected one of cpu, cuda, tensorrt, found 'npu'"):
        Engine(bundle.path(graph.file), graph, provider="npu")


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_loads_or_is_an_error_never_the_cpu(bundle: Bundle, provider: str) -> None:
    graph = bundle.manifest.modes["full"].fusion
    found: Engine | str
    try:
        found = Engine(bundle.path(graph.file), graph, provider=provider)
    except ProviderError as error:
        found = str(error)
    if isinstance(found, str):
        assert provider in found
        assert "undertone doctor" in found
        assert "\n" not in found
    else:
        assert found.session.get_providers()[0].lower().startswith(provider[:4])


def test_no_onnx_at_all(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("broken") / "fusion.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(BundleError, match="expected a loadable ONNX graph"):
        Engine(path, bundle.manifest.modes["full"].fusion)
