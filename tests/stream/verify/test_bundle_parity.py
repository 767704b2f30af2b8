"""How far answers are from the golden ones, and what of that is too far."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import structs

from stream.bundle.load import Bundle
from stream.bundle.manifest import Tolerance
from stream.errors import BundleError
from stream.verify import bundle_parity
from stream.verify.bundle_parity import NO_NUMBER, Difference, Report, difference, named_graphs, ring_graphs


def test_a_manifest_may_be_stricter_than_usual(bundle: Bundle) -> None:
    strict = Tolerance(relative=1e-9, cosine=1.0, confidence=1e-9)
    manifest = structs.replace(bundle.manifest, tolerances={"fp32": strict})
    assert bundle_parity.tolerance_of(structs.replace(bundle, manifest=manifest), "fp32") == strict
    assert bundle_parity.tolerance_of(bundle, "fp16") == bundle_parity.USUAL["fp16"]


def test_without_golden_tensors_nothing_is_proven(bundle: Bundle) -> None:
    bare = structs.replace(bundle, manifest=structs.replace(bundle.manifest, golden=None))
    with pytest.raises(BundleError, match="undertone-export golden"):
        bundle_parity.check(bare, "cpu")


ALLOWED = Tolerance(relative=0.1, cosine=0.99, confidence=0.02)


def of(expected: list[Any], found: list[Any]) -> Difference:
    return difference(
        "image",
        "fp16",
        ALLOWED,
        [np.array(a, np.float32) for a in expected],
        [np.array(a, np.float32) for a in found],
    )


@pytest.mark.parametrize(
    ("expected", "found", "relative", "cosine", "passed"),
    [
        ([[3, 4]], [[3, 4]], 0.0, 1.0, True),
        ([[3, 4]], [[3.27, 4.36]], 0.09, 1.0, True),
        ([[3, 4]], [[3.5, 4.5]], np.sqrt(0.5) / 5, 0.99895, False),  # too far
        ([[1, 0]], [[0.99, 0.09]], 0.0906, 0.9959, True),
        ([[3, 4]], [[4, 3]], np.sqrt(2) / 5, 0.96, False),
        ([[3, 4], [1, 0]], [[3, 4], [0, 1]], np.sqrt(2), 0.0, False),  # one bad answer is enough
    ],
)
def test_the_worst_answer_decides(
    expected: Any, found: Any, relative: float, cosine: float, passed: bool
) -> None:
    result = of(expected, found)
    assert (result.relative, result.cosine) == pytest.approx((relative, cosine), abs=1e-3)
    assert (result.passed, result.cases) == (passed, len(expected))


def test_what_is_absent_in_the_golden_answers_is_not_compared() -> None:
    result = of([[np.nan, np.nan], [1, 0]], [[7, 7], [1, 0]])
    assert (result.cases, result.passed) == (1, True)


def test_nothing_compared_is_nothing_proven() -> None:
    assert not of([[np.nan]], [[1]]).passed
    assert not of([], []).passed


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_answer_that_is_no_number_fails_and_can_be_written_as_json(bad: float) -> None:
    result = of([[1, 0], [1, 0]], [[1, 0], [bad, 0]])
    assert (result.relative, result.cosine, result.passed) == (NO_NUMBER, -1.0, False)
    assert json.loads(msgspec.json.encode(result))["absolute"] == NO_NUMBER


def report(*graphs: Difference, **changes: Any) -> Report:
    fields: dict[str, Any] = {
        "bundle": "b", "sha256": "0" * 64, "provider": "cuda", "machine": "m", "about": {}, "created": "now",
        "seconds": 1.0, "graphs": graphs, "estimates": 4, "drift": 0.0, "allowed": 0.02, "passed": False,
    }  # fmt: skip
    return Report(**{**fields, **changes})


def test_the_worst_in_words() -> None:
    bad, good = of([[3, 4]], [[4, 3]]), of([[3, 4]], [[3, 4]])
    assert report(good, bad).worst == "image (relative 0.28, cosine 0.96000)"
    assert report(good, bad, drift=0.3).worst.endswith(", a confidence off by 0.3")
    assert report(good, drift=2.5, unit="pixels").worst == "places off by 2.5 pixels"


def test_of_a_ring_s_branch_the_least_exact_graph_is_judged(bundle: Bundle) -> None:
    names = ["ring-keypoints", "ring-image", "ring-text", "ring-fusion"]
    assert list(ring_graphs(bundle)) == names
    assert {graph.precision for graph in ring_graphs(bundle).values()} == {"fp32"}
    ring = bundle.manifest.modes["ring"]
    steps = ring.steps["keypoints"]
    half = structs.replace(
        steps, graphs={**steps.graphs, 5: structs.replace(steps.graphs[5], precision="int8")}
    )
    changed = structs.replace(ring, steps={**ring.steps, "keypoints": half})
    modes = {**bundle.manifest.modes, "ring": changed}
    mixed = structs.replace(bundle, manifest=structs.replace(bundle.manifest, modes=modes))
    assert ring_graphs(mixed)["ring-keypoints"].precision == "int8"


def test_a_bundle_without_a_mode_has_no_graphs_of_it(bundle: Bundle) -> None:
    only = {"full": bundle.manifest.modes["full"]}
    full = structs.replace(bundle, manifest=structs.replace(bundle.manifest, modes=only))
    assert ring_graphs(full) == {}
    assert list(named_graphs(full)) == ["keypoints", "image", "text", "fusion", "image_encoder"]
    only_ring = {"ring": bundle.manifest.modes["ring"]}
    ring = structs.replace(bundle, manifest=structs.replace(bundle.manifest, modes=only_ring))
    assert list(named_graphs(ring)) == ["image_encoder"]


def test_less_exact_numbers_are_allowed_more() -> None:
    fp32, fp16, int8 = (bundle_parity.USUAL[p] for p in ("fp32", "fp16", "int8"))
    assert fp32.relative < fp16.relative < int8.relative
    assert fp32.cosine > fp16.cosine > int8.cosine
    assert fp32.confidence < fp16.confidence < int8.confidence
