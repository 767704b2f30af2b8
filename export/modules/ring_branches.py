"""The ring mode of a branch as graphs: one step for every hop, and the readout.

step:    each stream's new values float32 [h, width] by its name, ``mask`` bool [S, h], ``bias`` float32
         [L, S, h, C], ``cos`` and ``sin`` float32 [h, w], ``tail`` [S, local − 1, D] with local ticks,
         of each layer i ``keys_i`` [S, H, w, C] and ``values_i`` [S, H, C, w]
         → ``rows`` [S, h, D], with an attention pool ``scores`` [S, h, H], with local ticks ``next_tail``,
         ``new_keys_i`` [S, H, w, h], ``new_values_i`` [S, H, h, w]
readout: ``rows`` float32 [S, D], each stream's pooled rows, and ``present`` bool [S]
         → ``vector`` [1, E]

The host keeps the caches: new keys and values overwrite rows that have left every band.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx
import torch
from msgspec import structs
from torch import Tensor, nn

from export.lowering.module_parity import Case, Report, check, random_cases
from export.lowering.to_onnx import export
from export.lowering.unstack import unstack
from export.modules.branches import Fusion
from export.modules.ring import Ring, rotary_phases
from export.modules.traceable import MASKED, PERIODS_S
from stream.bundle.manifest import BRANCHES, Graph, RingSpec, Steps

HOPS = (1, 5, 25)
Pool = Literal["newest", "mean", "attention"]
BOUND = 4.0  # of a row's score in an attention pool: weights between e⁻⁴ and e⁴ need no running maximum


class AttentionPool(nn.Module):
    """Scores of rows by learned queries, one per stream and head, float32 [S, ..., D] → [S, ..., H].

    They depend on the row only and are bounded, so that running sums of exp(score) · row over a window can be
    updated by adding new rows and subtracting old ones. Queries start at 0: the pool starts as the mean.
    """

    def __init__(self, streams: int, heads: int, dim: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(streams, heads, dim // heads))

    def forward(self, rows: Tensor) -> Tensor:
        streams, heads, width = self.queries.shape
        split = rows.reshape(streams, -1, heads, width)
        scores = (split * self.queries[:, None]).sum(-1) * width**-0.5
        return (BOUND * torch.tanh(scores)).reshape(*rows.shape[:-1], heads)


class RingBranch(nn.Module):
    """A branch whose streams (the keypoint groups, or image features alone) share a ring encoder.

    ``streams``: per stream the embedding of a row's values, [..., width] → [..., D].
    """

    def __init__(
        self,
        streams: Mapping[str, nn.Module],
        ring: Ring,
        dim: int,
        out: int,
        readout: int,
        pool: Pool = "newest",
    ) -> None:
        """``readout`` rows are read: the newest few, or those of the whole window by another ``pool``."""
        super().__init__()
        self.streams, self.ring, self.readout = nn.ModuleDict(dict(streams)), ring, readout
        self.pool: Pool = pool
        heads = dim // ring.width
        self.attend = AttentionPool(len(streams), heads, dim) if pool == "attention" else None
        self.absent = nn.Parameter(0.02 * torch.randn(len(streams), dim))
        self.project = nn.Linear(len(streams) * dim, out)

    def rows(self, values: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
        """Values [B, T, width] and masks bool [B, T] of each stream → each layer's rows [S, B, T, D]."""
        x = torch.stack([embed(v) for embed, v in zip(self.streams.values(), values, strict=True)])
        return self.ring.rows(x, torch.stack(list(masks)))

    def vectors(self, rows: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """The branch vector after every tick: rows [S, B, T, D] → [B, T, E].

        Of each stream the mean of its ``readout`` newest rows, or its absent vector. A row counts where it or
        any other row of its band is valid: the query of a missing tick still attends to earlier rows. In a
        pool over the whole window only valid rows count.
        """
        there = torch.stack(list(masks))[..., None].to(rows.dtype)
        if self.pool != "newest":
            return self._pooled(rows, there)
        heard = (_running(there, min(self.ring.bands)) > 0.5).to(rows.dtype)
        count = _running(heard, self.readout)
        mean = _running(rows * heard, self.readout) / count.clamp(min=1)
        return self.read(mean.permute(1, 2, 0, 3), (count[..., 0] > 0.5).permute(1, 2, 0))

    def _pooled(self, rows: Tensor, there: Tensor) -> Tensor:
        """Weighted means over the window up to each row, [S, B, T, D] and there [S, B, T, 1] → [B, T, E]."""
        weights = there if self.attend is None else there * self.attend(rows).exp()  # [S, B, T, H]
        each = weights.repeat_interleave(rows.shape[-1] // weights.shape[-1], dim=-1)
        total, weight = (_running(x, self.readout, float64=True) for x in (rows * each, each))
        count = _running(there, self.readout)[..., 0] > 0.5
        mean = torch.where(count[..., None], total / weight.clamp(min=1e-9), 0.0).to(rows.dtype)
        return self.read(mean.permute(1, 2, 0, 3), count.permute(1, 2, 0))

    def read(self, mean: Tensor, present: Tensor) -> Tensor:
        """Means [..., S, D] and bool [..., S] → [..., E]."""
        vector: Tensor = self.project(torch.where(present[..., None], mean, self.absent).flatten(-2))
        return vector

    def spec(self, local: int) -> RingSpec:
        """The sizes that the host needs to keep the caches."""
        bands = self.ring.bands
        spec = RingSpec(
            bands=bands,
            capacity=-(-(max(bands) - 1) // max(HOPS)) * max(HOPS),
            readout=self.readout,
            pool=self.pool,
            local=local,
            step_s=self.ring.step_s,
            periods_s=PERIODS_S,
        )
        return structs.replace(spec, receptive_field=spec.reach)


def _running(x: Tensor, n: int, *, float64: bool = False) -> Tensor:
    """Sum of the newest ``n`` rows along the third axis, in float64; returned so, or in the type of ``x``."""
    total = x.double().cumsum(2)
    if n < x.shape[2]:
        total = total - torch.nn.functional.pad(total, (0, 0, n, 0))[:, :, : x.shape[2]]
    return total if float64 else total.to(x.dtype)


class Step(nn.Module):
    """The graph of one hop of a branch."""

    def __init__(self, branch: RingBranch) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        streams, ring = self.branch.streams, self.branch.ring
        values, (mask, bias, cos, sin, *rest) = inputs[: len(streams)], inputs[len(streams) :]
        tail = rest.pop(0) if ring.local else None
        x = torch.stack([embed(v[None])[0] for embed, v in zip(streams.values(), values, strict=True)])
        caches = list(zip(rest[::2], rest[1::2], strict=True))
        rows, *others = ring.step(x, mask, bias, cos, sin, tail, caches)
        attend = self.branch.attend
        return (rows, *([] if attend is None else [attend(rows)]), *others)


class Readout(nn.Module):
    """The graph from the streams' means to the branch's vector."""

    def __init__(self, branch: RingBranch) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, rows: Tensor, present: Tensor) -> Tensor:
        return self.branch.read(rows[None], present[None])


def write_branch(
    name: str, branch: RingBranch, widths: Mapping[str, int], local: int, folder: Path
) -> tuple[tuple[Graph, ...], Graph, list[Report]]:
    """Export the steps and the readout of one branch into ``folder`` and check each against its module.

    ``widths``: width of each stream's input, by name. Raises ModelError when a graph differs.
    """
    generator = torch.Generator().manual_seed(7)
    spec, reports, steps = branch.spec(local), [], []
    for hop in HOPS:
        path, module = folder / f"ring_{name}_{hop}.onnx", Step(branch)
        inputs = step_inputs(branch, spec, widths, hop, generator)
        steps.append(export(module, inputs, step_outputs(branch), path))
        onnx.save(unstack(onnx.load(path)), path)
        cases = [_case(step_inputs(branch, spec, widths, hop, generator)) for _ in range(3)]
        reports.append(check(module, steps[-1], path, cases))
    count, dim = branch.absent.shape
    path, readout = folder / f"ring_{name}.onnx", Readout(branch)
    traced = {
        "rows": torch.randn(count, dim, generator=generator),
        "present": torch.ones(count, dtype=torch.bool),
    }
    graph = export(readout, traced, "vector", path)
    readout_cases = [
        _case({"rows": torch.randn(count, dim), "present": torch.arange(count) < n}) for n in range(count + 1)
    ]
    reports.append(check(readout, graph, path, readout_cases))
    return tuple(steps), graph, reports


@dataclass(frozen=True, slots=True, eq=False)
class WrittenRing:
    """Graph specifications for the manifest, and the parity of each graph with its module."""

    steps: dict[str, Steps]
    readouts: dict[str, Graph]
    fusion: Graph
    reports: list[Report]


def write_ring(
    branches: Mapping[str, RingBranch],
    widths: Mapping[str, Mapping[str, int]],
    local: Mapping[str, int],
    fusion: Fusion,
    out: int,
    folder: Path,
) -> WrittenRing:
    """Export the branches' steps and readouts, and the fusion of ring mode; check each against its module."""
    steps: dict[str, Steps] = {}
    readouts: dict[str, Graph] = {}
    reports: list[Report] = []
    for name, branch in branches.items():
        step_graphs, readouts[name], parity = write_branch(name, branch, widths[name], local[name], folder)
        graphs = dict(zip(HOPS, step_graphs, strict=True))
        steps[name] = Steps(graphs=graphs, ring=branch.spec(local[name]))
        reports += parity
    path = folder / "ring_fusion.onnx"
    inputs = {name: torch.randn(1, out) for name in BRANCHES}
    inputs["present"] = torch.ones(1, len(BRANCHES), dtype=torch.bool)
    graph = export(fusion, inputs, "logit", path)
    reports.append(check(fusion, graph, path, random_cases(graph)))
    return WrittenRing(steps, readouts, graph, reports)


def step_outputs(branch: RingBranch) -> list[str]:
    """Names of a step's outputs, in order."""
    caches = [f"new_{kind}_{i}" for i in range(len(branch.ring.layers)) for kind in ("keys", "values")]
    scores = [] if branch.attend is None else ["scores"]
    return ["rows", *scores, *(["next_tail"] if branch.ring.local else []), *caches]


def step_inputs(
    branch: RingBranch, spec: RingSpec, widths: Mapping[str, int], hop: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Random inputs of a step: about half of the cached rows are valid, and most of the new ones."""
    ring, (streams, dim) = branch.ring, branch.absent.shape

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def some(share: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) < share

    first = int(torch.randint(100_000, (1,), generator=generator))
    cos, sin = rotary_phases(torch.arange(first, first + hop), ring.width, ring.step_s)
    inputs = {name: random(hop, width) for name, width in widths.items()}
    inputs["mask"] = some(0.8, streams, hop)
    layers, capacity = len(spec.bands), spec.capacity
    inputs["bias"] = MASKED * some(0.5, layers, streams, hop, capacity).float()
    inputs |= {"cos": cos, "sin": sin}
    if ring.local:
        inputs["tail"] = random(streams, ring.before, dim)
    heads = dim // ring.width
    for i in range(layers):
        inputs[f"keys_{i}"] = random(streams, heads, ring.width, capacity)
        inputs[f"values_{i}"] = random(streams, heads, capacity, ring.width)
    return inputs


def _case(inputs: Mapping[str, Tensor]) -> Case:
    return {name: value.numpy() for name, value in inputs.items()}
