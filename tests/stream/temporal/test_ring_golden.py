"""A bundle with a ring is proven in both modes: its golden answers were followed tick by tick."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from export import golden as writing
from export.bundle import copied
from stream import gate, golden, parity
from stream.contract import Bundle, Golden, Manifest
from stream.errors import BundleError
from stream.features import ImageEncoder
from stream.golden import Inputs
from stream.temporal.full import FullMode
from stream.text import Pieces

TICKS = 130


def clip() -> Inputs:
    rng = np.random.default_rng(0)
    return Inputs(
        points=(rng.uniform(200, 400, (137, 2)) + rng.normal(0, 3, (TICKS, 137, 2))).astype(np.float32),
        valid=rng.random((TICKS, 137)) < 0.9,
        boxes=np.tile(np.array([100, 100, 500, 500], np.float32), (TICKS, 1)),
        cuts=np.arange(TICKS) == 70,
        features=rng.normal(0, 1, (26, 16)).astype(np.float32),
        feature_mask=rng.random(26) < 0.8,
        text=Pieces(np.arange(32)[None] % 20, np.ones((1, 32), np.bool_)),
        portraits=rng.integers(0, 255, (2, 28, 28, 3)).astype(np.uint8),
        moments=np.array([7, 60, 129, 200]),
    )


def golden_of(bundle: Bundle, folder: Path, change: Callable[[Path], None] = lambda path: None) -> Bundle:
    def fill(fresh: Path) -> Manifest:
        here = structs.replace(bundle, folder=fresh)
        assert bundle.manifest.image is not None
        files = writing.write(here, FullMode(here), ImageEncoder(here, bundle.manifest.image), [clip()])
        change(fresh / files[0])
        said = Golden(files=files, inputs="made up", outputs="its own graphs")
        return structs.replace(bundle.manifest, golden=said)

    return copied(bundle, folder, fill)


def test_both_modes_give_their_golden_answers(both: Bundle, tmp_path: Path) -> None:
    bundle = golden_of(both, tmp_path / "golden")
    (kept,) = golden.load(bundle)
    assert kept.ring is not None
    assert set(kept.ring.vectors) == set(kept.answers.vectors) == {"keypoints", "image", "text"}
    assert np.abs(kept.ring.wins - kept.answers.wins).max() > 1e-4
    report = parity.check(bundle)
    assert report.passed
    assert {d.graph for d in report.graphs} == {
        *("keypoints", "image", "text", "fusion", "image_encoder"),
        *("ring-keypoints", "ring-image", "ring-text", "ring-fusion"),
    }
    assert report.estimates == 2 * 2 * 4


def test_a_ring_that_says_something_else_is_named(both: Bundle, tmp_path: Path) -> None:
    def wrong(path: Path) -> None:
        kept = golden._read(path)
        assert kept.ring is not None
        vectors = {**kept.ring.vectors, "image": kept.ring.vectors["image"] + 0.1}
        golden.save(path, kept.inputs, kept.answers, replace(kept.ring, vectors=vectors))

    report = parity.check(golden_of(both, tmp_path / "golden", wrong))
    assert not report.passed
    assert [d.graph for d in report.graphs if not d.passed][0] == "ring-image"  # noqa: RUF015
    assert "ring-image" in report.worst


def test_an_older_golden_file_still_loads_and_does_not_prove_a_ring(both: Bundle, tmp_path: Path) -> None:
    def older(path: Path) -> None:
        kept = golden._read(path)
        golden.save(path, kept.inputs, kept.answers)

    bundle = golden_of(both, tmp_path / "golden", older)
    assert golden.load(bundle)[0].ring is None
    with pytest.raises(BundleError, match="expected golden tensors of its ring mode to prove cpu with"):
        parity.check(bundle)
    full = {"full": bundle.manifest.modes["full"]}
    assert parity.check(structs.replace(bundle, manifest=structs.replace(bundle.manifest, modes=full))).passed


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
    assert parity.ring_graphs(structs.replace(both, manifest=manifest))["ring-keypoints"].precision == "fp16"
