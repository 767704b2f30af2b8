"""Small rings with random weights, exported once, and what their banded batch form says of a whole clip."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec import structs
from torch import nn

from export.bundle import copied
from export.ring import Ring, bands_of
from export.ring_graphs import RingBranch, write_branch
from export.untrained import write_untrained
from stream.contract import Bundle, Graph, Manifest, Mode, Steps, Window, load
from stream.records import Floats, Mask
from stream.temporal.ring import RingHost

SMALL = Window(poses=100, features=20)
WIDTHS = SMALL.widths
WARMUP_S = 1.0  # of a window of four
DIM, HEADS, SPAN, LAYERS, READOUT = 16, 2, 101, 3, 25


@dataclass(frozen=True, eq=False)
class Small:
    """A branch as module and as graphs."""

    branch: RingBranch
    steps: Steps
    readout: Graph
    folder: Path

    def host(self) -> RingHost:
        return RingHost(self.steps, lambda name: self.folder / name)

    def batch(self, values: list[Floats], mask: Mask) -> tuple[Floats, Mask]:
        """What is read after every row, computed at once: means [T, S, D] and whether there is one [T, S]."""
        kept: dict[str, torch.Tensor] = {}

        def read(mean: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
            kept.update(mean=mean, present=present)
            return mean

        branch = self.branch
        branch.read = read  # type: ignore[method-assign]
        try:
            with torch.no_grad():
                masks = [torch.from_numpy(m)[None] for m in mask]
                rows = branch.rows([torch.from_numpy(v)[None] for v in values], masks)[-1]
                branch.vectors(rows, masks)
        finally:
            del branch.read
        return kept["mean"][0].numpy(), kept["present"][0].numpy()


def make(
    folder: Path,
    *,
    local: int = 0,
    widths: dict[str, int] | None = None,
    span: int = SPAN,
    step_s: float = 0.04,
    readout: int = READOUT,
) -> Small:
    widths = widths or WIDTHS
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        embed = {name: nn.Sequential(nn.Linear(width, DIM), nn.GELU()) for name, width in widths.items()}
        ring = Ring(
            len(widths), DIM, HEADS, 2 * DIM, bands_of(span, LAYERS, local), step_s=step_s, local=local
        )
        branch = RingBranch(embed, ring, DIM, DIM, readout).eval()
    name = "keypoints" if len(widths) > 1 else "image"
    graphs, read, _ = write_branch(name, branch, widths, local, folder)
    steps = Steps(graphs={graph.inputs[0].shape[0]: graph for graph in graphs}, ring=branch.spec(local))
    return Small(branch, steps, read, folder)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return make(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return make(tmp_path_factory.mktemp("local"), local=5)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The ring of the image branch."""
    folder = tmp_path_factory.mktemp("pictures")
    return make(folder, widths={"features": DIM}, span=SMALL.features, step_s=0.2, readout=4)


@pytest.fixture(scope="session")
def true_size(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Narrow, with the bands that are shipped: it depends on 4000 ticks."""
    return make(tmp_path_factory.mktemp("true"), span=4000)


@pytest.fixture(scope="session")
def both(plain: Small, pictures: Small, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """An untrained bundle with both modes."""
    folder = tmp_path_factory.mktemp("both")
    first = load(write_untrained(folder / "full", SMALL, dim=DIM, size=28, hop=10))
    return with_ring(first, folder / "both", {"keypoints": plain, "image": pictures})


def with_ring(bundle: Bundle, folder: Path, rings: dict[str, Small]) -> Bundle:
    """``bundle`` with a ring mode beside its full one."""
    full = bundle.manifest.modes["full"]

    def fill(fresh: Path) -> Manifest:
        for ring in rings.values():
            for file in ring.folder.iterdir():
                shutil.copyfile(file, fresh / file.name)
        mode = Mode(
            branches={**full.branches, **{name: ring.readout for name, ring in rings.items()}},
            fusion=full.fusion,
            hop=5,
            calibration=full.calibration,
            steps={name: ring.steps for name, ring in rings.items()},
        )
        return structs.replace(
            bundle.manifest, modes={**bundle.manifest.modes, "ring": mode}, warmup_s=WARMUP_S
        )

    return copied(bundle, folder, fill)


@pytest.fixture(params=["plain", "local"])
def small(request: pytest.FixtureRequest) -> Small:
    """Without and with a mix of neighbouring ticks before the layers."""
    found: Small = request.getfixturevalue(request.param)
    return found


Clip = Callable[..., tuple[list[Floats], Mask]]


@pytest.fixture
def clip() -> Clip:
    """Random rows of each stream and which of them are there."""

    def made(rows: int, seed: int = 0, share: float = 0.8) -> tuple[list[Floats], Mask]:
        rng = np.random.default_rng(seed)
        values = [rng.normal(size=(rows, width)).astype(np.float32) for width in WIDTHS.values()]
        return values, rng.random((len(WIDTHS), rows)) < share

    return made
