import numpy as np
import pytest
import torch
from torch import nn

from export.lowering.module_parity import check, random_cases
from export.lowering.to_onnx import export
from stream.errors import ModelError


class Branching(nn.Module):
    """Frozen at trace time: a graph that is only right for inputs like the traced one."""

    def forward(self, x, mask):
        return x * (2.0 if self.traced is None else self.traced)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "twice.onnx"
    module = Branching()
    module.traced = None
    graph = export(module, {"x": torch.ones(1, 4), "mask": torch.ones(1, 4, dtype=torch.bool)}, "y", path)
    return module, graph, path


def test_parity_holds_on_untraced_inputs(exported):
    module, graph, path = exported
    report = check(module, graph, path, random_cases(graph))
    assert report.cases == 5
    assert report.worst <= 1e-6


def test_a_difference_is_refused(exported):
    module, graph, path = exported
    module.traced = 2.001
    with pytest.raises(ModelError, match="relative error"):
        check(module, graph, path, random_cases(graph))
    module.traced = None


def test_not_a_number_is_refused(exported):
    module, graph, path = exported
    case = {"x": np.full((1, 4), np.nan, np.float32), "mask": np.ones((1, 4), np.bool_)}
    with pytest.raises(ModelError, match="relative error of inf"):
        check(module, graph, path, [case])


def test_no_case_is_no_proof(exported):
    module, graph, path = exported
    with pytest.raises(ModelError, match="at least one"):
        check(module, graph, path, [])


def test_cases_cover_full_partial_gaps_empty_and_single(exported):
    _, graph, _ = exported
    filled = [case["mask"].sum() for case in random_cases(graph)]
    assert filled[0] == 4
    assert filled[3] == 0
    assert filled[4] == 1
