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

from export.bundles import golden as writing
from export.bundles.untrained import write_untrained
from export.bundles.write import copied
from export.modules.ring import Ring, bands_of
from export.modules.ring_branches import Pool, RingBranch, write_branch
from stream.branches.full_mode import FullMode
from stream.branches.image import ImageEncoder
from stream.branches.ring_host import RingHost
from stream.branches.text import Pieces
from stream.bundle.load import Bundle, load
from stream.bundle.manifest import Golden, Graph, Manifest, Mode, Steps, Window
from stream.records import Floats, Mask
from stream.verify.golden import Inputs

SMALL = Window(poses=100, features=20)
WIDTHS = SMALL.widths
WARMUP_S = 1.0  # of a window of four
DIM, HEADS, SPAN, LAYERS, READOUT = 16, 2, 101, 3, 25
TICKS = 130  # of the golden clip


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
    pool: Pool = "newest",
) -> Small:
    """With a ``pool`` the layers' bands are of ``span`` rows together, and ``readout`` rows are pooled."""
    widths = widths or WIDTHS
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        embed = {name: nn.Sequential(nn.Linear(width, DIM), nn.GELU()) for name, width in widths.items()}
        ring = Ring(
            len(widths), DIM, HEADS, 2 * DIM, bands_of(span, LAYERS, local), step_s=step_s, local=local
        )
        branch = RingBranch(embed, ring, DIM, DIM, readout, pool).eval()
        if branch.attend is not None:
            nn.init.normal_(branch.attend.queries, std=3.0)
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


@pytest.fixture(scope="session", params=["mean", "attention"])
def pooled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The whole window of 97 rows pooled, over layers that see a few rows each; 97 fits no hop."""
    folder = tmp_path_factory.mktemp(request.param)
    return make(folder, local=3, span=80, readout=97, pool=request.param)


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


def watched() -> Inputs:
    """Somebody who moves, with a cut; every hop is taken on the way to a moment."""
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


def with_golden(bundle: Bundle, folder: Path, change: Callable[[Path], None] = lambda path: None) -> Bundle:
    """``bundle`` with golden tensors; ``change`` may spoil their file."""

    def fill(fresh: Path) -> Manifest:
        here, image = structs.replace(bundle, folder=fresh), bundle.manifest.image
        assert image is not None
        full = FullMode(here) if "full" in bundle.manifest.modes else None
        files = writing.write(here, full, ImageEncoder(here, image), [watched()])
        change(fresh / files[0])
        said = Golden(files=files, inputs="made up", outputs="its own graphs")
        return structs.replace(bundle.manifest, golden=said)

    return copied(bundle, folder, fill)


@pytest.fixture(scope="session")
def golden_of() -> Callable[..., Bundle]:
    """A bundle and a folder → the same with golden tensors."""
    return with_golden


@pytest.fixture(scope="session")
def proven(both: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Both modes with a fusion each, and golden tensors."""
    folder = tmp_path_factory.mktemp("proven")

    def fill(fresh: Path) -> Manifest:
        ring = both.manifest.modes["ring"]
        shutil.copyfile(fresh / ring.fusion.file, fresh / "ring_fusion.onnx")
        own = structs.replace(ring, fusion=structs.replace(ring.fusion, file="ring_fusion.onnx"))
        return structs.replace(both.manifest, modes={**both.manifest.modes, "ring": own})

    return with_golden(copied(both, folder / "first", fill), folder / "proven")


@pytest.fixture(scope="session")
def alone(proven: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A ring mode and no other, with golden tensors."""
    folder = tmp_path_factory.mktemp("alone")

    def fill(fresh: Path) -> Manifest:
        full = proven.manifest.modes["full"]
        for graph in (full.branches["keypoints"], full.branches["image"], full.fusion):
            (fresh / graph.file).unlink()
        shutil.rmtree(fresh / "golden")
        modes = {"ring": proven.manifest.modes["ring"]}
        return structs.replace(proven.manifest, modes=modes, golden=None)

    return with_golden(copied(proven, folder / "first", fill), folder / "alone")


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
