"""A bundle with a ring is proven in both modes: its golden outputs were followed tick by tick."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from stream.bundle.load import Bundle
from stream.errors import BundleError
from stream.verify import bundle_parity, gate, golden

pytestmark = pytest.mark.slow

GoldenOf = Callable[..., Bundle]


def test_both_modes_give_their_golden_answers(both: Bundle, golden_of: GoldenOf, tmp_path: Path) -> None:
    bundle = golden_of(both, tmp_path / "golden")
    (kept,) = golden.load(bundle)
    assert kept.ring is not None
    assert set(kept.ring.vectors) == set(kept.answers.vectors) == {"keypoints", "image", "text"}
    assert np.abs(kept.ring.wins - kept.answers.wins).max() > 1e-4
    report = bundle_parity.check(bundle)
    assert report.passed
    assert {d.graph for d in report.graphs} == {
        *("keypoints", "image", "text", "fusion", "image_encoder"),
        *("ring-keypoints", "ring-image", "ring-text", "ring-fusion"),
    }
    assert report.estimates == 2 * 2 * 4


def test_a_ring_that_says_something_else_is_named(both: Bundle, golden_of: GoldenOf, tmp_path: Path) -> None:
    def wrong(path: Path) -> None:
        kept = golden._read(path)
        assert kept.ring is not None
        vectors = {**kept.ring.vectors, "image": kept.ring.vectors["image"] + 0.1}
        golden.save(path, kept.inputs, kept.answers, replace(kept.ring, vectors=vectors))

    report = bundle_parity.check(golden_of(both, tmp_path / "golden", wrong))
    assert not report.passed
    assert [d.graph for d in report.graphs if not d.passed][0] == "ring-image"  # noqa: RUF015
    assert "ring-image" in report.worst


def test_an_older_golden_file_still_loads_and_does_not_prove_a_ring(
    both: Bundle, golden_of: GoldenOf, tmp_path: Path
) -> None:
    def older(path: Path) -> None:
        kept = golden._read(path)
        golden.save(path, kept.inputs, kept.answers)

    bundle = golden_of(both, tmp_path / "golden", older)
    assert golden.load(bundle)[0].ring is None
    with pytest.raises(BundleError, match="expected golden tensors of its ring mode to prove cpu with"):
        bundle_parity.check(bundle)
    full = {"full": bundle.manifest.modes["full"]}
    without_ring = structs.replace(bundle.manifest, modes=full)
    assert bundle_parity.check(structs.replace(bundle, manifest=without_ring)).passed


def test_a_step_of_lower_precision_is_no_reference(both: Bundle) -> None:
    mode = both.manifest.modes["ring"]
    steps = mode.steps["keypoints"]
    lower = structs.replace(
        steps, graphs={**steps.graphs, 25: structs.replace(steps.graphs[25], precision="fp16")}
    )
    changed = structs.replace(mode, steps={**mode.steps, "keypoints": lower})
    manifest = structs.replace(both.manifest, modes={**both.manifest.modes, "ring": changed})
    assert gate.is_reference(both, "cpu")
    assert not gate.is_reference(structs.replace(both, manifest=manifest), "cpu")
    assert (
        bundle_parity.ring_graphs(structs.replace(both, manifest=manifest))["ring-keypoints"].precision
        == "fp16"
    )
