"""What does one update of the ring cost, against the fastest full graph and against continual-inference?

python benchmarks/ring_update.py [--blocks 12] [--threads 2]

All three keypoint streams, d = 256, 3 layers, 4 heads, 4000 ticks of memory; random weights. Ours is all of
an update: spatial encoders, phases, bias, the step, new rows in the caches, the mean of the newest ones; hop
1 also with int8 products, as `undertone-export quantize` makes them (ratios are those of float32). The full
graph is the same depth and width over 4000 poses, in float32 and with int8 products; the faster one counts.
The peer steps three stacks of its single-output layers over vectors that somebody else has encoded, and
positions are left out. Blocks alternate, so that whatever else the machine does falls on all. Before anything
is timed, stream must equal banded batch, and one layer's attention the peer's: around it the peer norms after
adding and we before, so no more than that can agree. The peer's environment: `make peer-continual`.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import record
import torch
from msgspec import structs
from peer import Peer
from torch import nn

from export.lowering import precision
from export.lowering.to_onnx import export
from export.modules.branches import Keypoints
from export.modules.ring import Ring, RingLayer, bands_of
from export.modules.ring_branches import HOPS, RingBranch, write_branch
from export.modules.traceable import Encoder
from stream.branches.ring_host import RingHost
from stream.bundle.manifest import Graph, Steps, Window
from stream.inference.engine import Engine
from stream.skeleton import GROUPS

SCRIPT = record.ROOT / "benchmarks" / "peers" / "continual" / "stepping.py"
PYTHON = record.ROOT / ".venv-continual" / "bin" / "python"
DIM, LAYERS, HEADS, FEEDFORWARD, HIDDEN, OUT = 256, 3, 4, 1024, 256, 256
WINDOW = Window()
TOLERANCE = 1e-5
Updates = Callable[[int], list[float]]


def spatial(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, DIM))


def ring_branch() -> RingBranch:
    bands = bands_of(WINDOW.poses, LAYERS)
    ring = Ring(len(GROUPS), DIM, HEADS, FEEDFORWARD, bands, step_s=1 / WINDOW.rate)
    return RingBranch({n: spatial(w) for n, w in WINDOW.widths.items()}, ring, DIM, OUT, 25).eval()


def hosts_of(branch: RingBranch, folder: Path, threads: int) -> dict[str, RingHost]:
    """The same ring in float32 and with int8 products."""
    graphs, _, _ = write_branch("keypoints", branch, WINDOW.widths, 0, folder)
    found = {}
    for kind in ("fp32", "int8"):
        if kind == "int8":
            for graph in graphs:
                precision.int8(folder / graph.file, folder / f"int8-{graph.file}")
            graphs = tuple(structs.replace(graph, file=f"int8-{graph.file}") for graph in graphs)
        steps = Steps(graphs=dict(zip(HOPS, graphs, strict=True)), ring=branch.spec(0))
        found[kind] = RingHost(steps, lambda name: folder / name, threads=threads)
    return found


def apart(branch: RingBranch, host: RingHost, rows: int) -> float:
    """Largest relative difference between stream and banded batch, over the newest rows of a filled ring."""
    generator = torch.Generator().manual_seed(3)
    values = [torch.randn(1, rows, w, generator=generator) for w in WINDOW.widths.values()]
    masks = [torch.rand(1, rows, generator=generator) < 0.9 for _ in values]
    with torch.no_grad():
        expected = branch.vectors(branch.rows(values, masks)[-1], masks)[0, -1]
        host.push([v[0].numpy() for v in values], torch.cat(masks).numpy())
        found = branch.read(*(torch.from_numpy(x)[None] for x in host.read()))[0]
    host.reset()
    return float((found - expected).norm() / expected.norm())


def full_graphs(folder: Path) -> dict[str, Graph]:
    """The same depth and width over the whole window: float32, and with int8 products."""
    encoders = {name: Encoder(DIM, LAYERS, HEADS, FEEDFORWARD) for name in GROUPS}
    module = Keypoints(WINDOW, {n: spatial(w) for n, w in WINDOW.widths.items()}, encoders, DIM, OUT)
    inputs = {n: torch.randn(1, WINDOW.poses, w) for n, w in WINDOW.widths.items()}
    inputs |= {f"{n}_mask": torch.ones(1, WINDOW.poses, dtype=torch.bool) for n in GROUPS}
    graph = export(module, inputs, "vector", folder / "full.onnx")
    precision.int8(folder / graph.file, folder / "full-int8.onnx")
    return {"fp32": graph, "int8": structs.replace(graph, file="full-int8.onnx")}


def from_peer(branch: RingBranch, peer: Peer, work: Path, rows: int = 60, band: int = 20) -> float:
    """Relative difference of one layer's attention, no positions, no feed-forward, the same weights."""
    layer = RingLayer(1, DIM, HEADS, FEEDFORWARD, band, 0.0).eval()
    x = torch.randn(1, 1, rows, DIM)
    with torch.no_grad():
        layer.down.weight.zero_()
        still = torch.ones(rows, DIM // HEADS), torch.zeros(rows, DIM // HEADS)
        mine = (layer(x, torch.zeros(1, 1, rows), *still) - x)[0, 0, band - 1 :].numpy()
        normed = nn.functional.layer_norm(x, (DIM,))[0, 0].numpy()
    weights = {n: getattr(layer, n).weight[0].detach().numpy() for n in ("into", "out")}
    weights |= {f"{n}_bias": getattr(layer, n).bias[0, 0].detach().numpy() for n in ("into", "out")}
    np.savez(work / "layer.npz", rows=normed, band=band, heads=HEADS, **weights)
    peer.ask(compare="layer.npz")
    theirs = np.load(work / "answer.npy")
    return float(np.linalg.norm(mine - theirs) / np.linalg.norm(theirs))


def ring_updates(host: RingHost, hop: int) -> Updates:
    rng = np.random.default_rng(5)
    rows = [rng.normal(0, 1, (hop, w)).astype(np.float32) for w in WINDOW.widths.values()]
    mask = np.ones((len(GROUPS), hop), np.bool_)

    def updates(count: int) -> list[float]:
        took = []
        for _ in range(count):
            begun = time.perf_counter()
            host.push(rows, mask)
            host.read()
            took.append(1e3 * (time.perf_counter() - begun))
        return took

    return updates


def full_updates(engine: Engine, graph: Graph) -> Updates:
    rng = np.random.default_rng(5)
    inputs = {
        tensor.name: np.ones(tensor.shape, np.bool_)
        if tensor.dtype == "bool"
        else rng.normal(0, 1, tensor.shape).astype(np.float32)
        for tensor in graph.inputs
    }

    def updates(count: int) -> list[float]:
        took = []
        for _ in range(count):
            begun = time.perf_counter()
            engine(**inputs)
            took.append(1e3 * (time.perf_counter() - begun))
        return took

    return updates


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="ring-") as name:
        work = Path(name)
        branch = ring_branch()
        hosts = hosts_of(branch, work, options.threads)
        host = hosts["fp32"]
        stream_apart, int8_apart = (apart(branch, each, 5 * WINDOW.poses // 4) for each in hosts.values())
        fulls = full_graphs(work)
        peer = Peer(PYTHON, SCRIPT, (work, options.threads), "peer-continual")
        peer_apart = from_peer(branch, peer, work)
        if max(stream_apart, peer_apart) > TOLERANCE:
            sys.exit(f"answers lie {stream_apart:.1g} and {peer_apart:.1g} apart; their times do not compare")
        for each in hosts.values():
            ring_updates(each, 25)(WINDOW.poses // 25)
        sides: dict[str, tuple[Updates, int]] = {f"hop_{hop}": (ring_updates(host, hop), 40) for hop in HOPS}
        sides["hop_1_int8"] = (ring_updates(hosts["int8"], 1), 40)
        sides["peer"] = (lambda count: peer.ask(time=count)["ms"], 40)
        for kind, graph in fulls.items():
            engine = Engine(work / graph.file, graph, threads=options.threads)
            sides[f"full_{kind}"] = (full_updates(engine, graph), 1)
        took: dict[str, list[float]] = {side: [] for side in sides}
        blocks: dict[str, list[float]] = {side: [] for side in sides}
        for updates, _ in sides.values():
            updates(3)  # not counted
        for _ in range(options.blocks):
            for side, (updates, count) in sides.items():
                found = updates(count)
                took[side] += found
                blocks[side].append(statistics.median(found))
        peer.close()
        fastest = min(("full_fp32", "full_int8"), key=lambda side: statistics.median(took[side]))
        record.write(
            "ring_update",
            {
                "threads": options.threads,
                "sizes": {"dim": DIM, "layers": LAYERS, "heads": HEADS, "feedforward": FEEDFORWARD},
                "poses": WINDOW.poses,
                "relative_error": {"stream": stream_apart, "peer": peer_apart, "int8": int8_apart},
                "ms": {side: record.percentiles(values) for side, values in took.items()},
                "fastest_full": fastest,
                "full_over_ring": ratios(blocks[fastest], blocks["hop_1"]),
                "peer": f"continual-inference {peer.ready}",
                "peer_over_ring": ratios(blocks["peer"], blocks["hop_1"]),
                "memory_mb": round(host.nbytes / 1e6, 1),
            },
            also=("torch",),
        )


def ratios(slow: list[float], fast: list[float]) -> dict[str, float]:
    """Block by block: median, and where the middle half of the blocks lies."""
    found = [a / b for a, b in zip(slow, fast, strict=True)]
    low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
    return {"median": round(middle, 2), "low": round(low, 2), "high": round(high, 2), "blocks": len(found)}


if __name__ == "__main__":
    main()
