"""The sizes that are shipped: what the rings weigh, and how far back an estimate reaches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from export.modules.ring import Ring, bands_of
from export.modules.ring_branches import HOPS, RingBranch, step_inputs
from stream.branches import ring_host
from stream.branches.ring_host import RingHost
from stream.bundle.manifest import Graph, Steps, Tensor, Window
from stream.records import Floats, Portrait, Pose
from stream.skeleton import COUNT
from stream.window.window import Window as Poses

pytestmark = pytest.mark.slow

BOX = (100.0, 100.0, 300.0, 320.0)


def steps_of(branch: RingBranch, widths: dict[str, int], local: int = 0) -> Steps:
    """The manifest's entry of a branch, without its files."""
    spec, (streams, dim), width = branch.spec(local), branch.absent.shape, branch.ring.width
    graphs = {}
    for hop in HOPS:
        inputs = step_inputs(branch, spec, widths, hop, torch.Generator())
        new = {"keys": (streams, dim // width, width, hop), "values": (streams, dim // width, hop, width)}
        outputs: dict[str, tuple[int, ...]] = {"rows": (streams, hop, dim)}
        outputs |= {"next_tail": (streams, local - 1, dim)} if local else {}
        outputs |= {f"new_{k}_{i}": s for i in range(len(spec.bands)) for k, s in new.items()}
        graphs[hop] = Graph(
            file="none.onnx",
            inputs=tuple(
                Tensor(name=n, shape=tuple(v.shape), dtype="bool" if v.dtype == torch.bool else "float32")
                for n, v in inputs.items()
            ),
            outputs=tuple(Tensor(name=n, shape=s, dtype="float32") for n, s in outputs.items()),
        )
    return Steps(graphs=graphs, ring=spec)


class Nothing:
    """In the place of a graph: what it would write is not asked."""

    def __init__(self, *what: Any, **options: Any) -> None:
        """Nothing is loaded."""

    def __call__(self) -> tuple[()]:
        return ()


def test_all_rings_of_the_default_sizes_take_35_mb_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_host, "PlacedEngine", Nothing)

    def host(widths: dict[str, int], span: int, step_s: float, local: int) -> RingHost:
        bands = bands_of(span, 3, local)
        inner = Ring(len(widths), 256, 4, 1024, bands, step_s=step_s, local=local)
        embed = {name: torch.nn.Linear(width, 256) for name, width in widths.items()}
        return RingHost(steps_of(RingBranch(embed, inner, 256, 256, 25), widths, local), Path)

    poses = host(Window().widths, 4000, 1 / 25, 5)
    images = host({"features": 768}, 800, 1 / 5, 0)
    caches = 2 * 3 * 4 * 256 * (3 * poses.spec.capacity + images.spec.capacity)
    assert caches < poses.nbytes + images.nbytes <= 35e6
    before = poses.nbytes
    poses.push(
        [np.zeros((4000, w), np.float32) for w in Window().widths.values()], np.ones((3, 4000), np.bool_)
    )
    assert poses.nbytes == before


def test_an_estimate_depends_on_3999_and_25_ticks_and_through_offsets_on_24_more(true_size: Any) -> None:
    """What lies further back moves nothing at all; the tick just inside does."""
    spec = true_size.steps.ring
    assert (spec.bands, spec.readout, spec.capacity) == ((1334, 1334, 1334), 25, 1350)
    reach = 3999 + 25 + 24
    newest = 5000
    oldest = newest - reach + 1
    # Only the ticks through which the oldest can be heard at all show a person, so that it is loud.
    chain = {oldest + 24, *(oldest + 24 + n * 1333 for n in (1, 2, 3))}
    person = np.random.default_rng(1).uniform(100, 300, (COUNT, 2))

    def said(moved: int | None) -> Floats:
        window, host = Poses(Window(), 0), true_size.host()
        taken = -1
        for tick in range(newest + 1):
            there = tick <= oldest or tick in chain
            sway = np.random.default_rng(tick).normal(0, 2, (COUNT, 2))
            points = (person + sway + 30 * (tick == moved)).astype(np.float32)
            pose = Pose(points, np.ones(COUNT, np.bool_)) if there else None
            window.push(tick, Portrait(BOX, 1.0) if there else None, pose)
            if tick - taken == 250 or tick == newest:
                values, mask, _ = window.rows_of(taken + 1, tick)
                host.push(values, mask)
                taken = tick
        mean, present = host.read()
        assert present.all()
        return mean

    same = said(None)
    np.testing.assert_array_equal(said(oldest - 1), same)
    assert (np.abs(said(oldest) - same).max(axis=1) > 1e-5).all()  # of every stream
