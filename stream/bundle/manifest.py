"""The bundle manifest: what crosses from training to the live side, checked once when it is loaded.

A bundle is a directory with ``manifest.json``, ONNX graphs and ``tokenizer.json``. Everything that the
live side must know to feed the graphs stands in the manifest, together with size and sha256 of every file.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, combinations
from typing import Literal

import msgspec

from stream.skeleton import GROUPS

SCHEMA = 1
MANIFEST = "manifest.json"
BRANCHES = ("keypoints", "image", "text")
# Limits of a window, so that a manifest cannot ask for all the memory there is.
FASTEST, LONGEST, MOST_OFFSETS = 1000, 200_000, 16


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every manifest record: immutable, unknown fields refused."""


class Window(Record, frozen=True, kw_only=True):
    """Grid and lengths of the rolling window."""

    rate: float = 25.0  # ticks a second
    poses: int = 4000  # pose slots, one a tick
    features: int = 800  # image feature slots
    stride: int = 5  # ticks a feature slot
    offsets: tuple[int, ...] = (8, 16, 24)  # ticks back

    def __post_init__(self) -> None:
        if not (self.rate > 0 and self.poses > 0 and self.features > 0 and self.stride > 0):
            raise ValueError("rate, poses, features and stride must be positive")
        if not self.offsets or min(self.offsets) <= 0:
            raise ValueError("offsets must be positive tick counts")
        longest = max(self.poses, self.features, self.stride, *self.offsets)
        if self.rate > FASTEST or longest > LONGEST or len(self.offsets) > MOST_OFFSETS:
            raise ValueError(
                f"a window has at most {FASTEST} ticks a second, {LONGEST} slots and {MOST_OFFSETS} offsets"
            )

    @property
    def values(self) -> int:
        """Values per keypoint: x, y and a displacement pair per offset."""
        return 2 + 2 * len(self.offsets)

    @property
    def widths(self) -> dict[str, int]:
        """Input width per keypoint group, e.g. body 25 × 8 = 200."""
        return {name: (s.stop - s.start) * self.values for name, s in GROUPS.items()}


class Tensor(Record, frozen=True, kw_only=True):
    """Name, shape and element type of one graph input or output."""

    name: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "int64", "bool"]


Precision = Literal["fp32", "fp16", "int8"]


class Graph(Record, frozen=True, kw_only=True):
    """One ONNX file and its tensors, which are float32 whatever the precision inside."""

    file: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    precision: Precision = "fp32"  # baked into the file


class Calibration(Record, frozen=True, kw_only=True):
    """Affine map of the fused logit, by valid seconds and by which branches are present.

    ``slope`` and ``bias`` hold one value per knot for each key; a key joins the present branches in
    the order of ``BRANCHES`` with ``+``, e.g. ``keypoints+image``. Between knots the values are
    interpolated linearly in log(seconds); outside they are held. The calibrated logit is
    ``slope·z + bias + logit(prior)``: fitted on balanced classes, so it is a log-likelihood ratio.
    """

    knots_s: tuple[float, ...]
    slope: dict[str, tuple[float, ...]]
    bias: dict[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        if not self.knots_s or sorted(set(self.knots_s)) != list(self.knots_s) or self.knots_s[0] <= 0:
            raise ValueError("knots_s must be positive and increasing")
        if set(self.slope) != set(self.bias) or not self.slope:
            raise ValueError("slope and bias must name the same branches")
        for values in (*self.slope.values(), *self.bias.values()):
            if len(values) != len(self.knots_s) or not all(math.isfinite(v) for v in values):
                raise ValueError("slope and bias need one finite value per knot")


class RingSpec(Record, frozen=True, kw_only=True):
    """What the host of a ring encoder must know: how far each layer sees, and how its rows are numbered."""

    bands: tuple[int, ...]  # rows that a layer's query sees, its own included
    capacity: int  # cached rows, a multiple of every hop, at least the largest band − 1
    readout: int  # newest rows that are read
    pool: Literal["newest", "mean", "attention"] = "newest"  # the mean of few, or the whole window pooled
    local: int  # ticks that are mixed before the layers; 0 = none
    step_s: float  # seconds between rows
    periods_s: tuple[float, float]  # shortest and longest rotary period; the rest lie between, in log
    receptive_field: int | None = None  # rows that an estimate depends on, for who reads the file: `reach`

    def __post_init__(self) -> None:
        if not self.bands or min(self.bands) < 2 or self.capacity < max(self.bands) - 1:
            raise ValueError(
                "bands must see 2 rows or more, and capacity must hold the largest of them but one"
            )
        if self.readout < 1 or self.local < 0 or not (self.step_s > 0 and min(self.periods_s) > 0):
            raise ValueError("readout, step_s and periods_s must be positive")
        if self.receptive_field not in (None, self.reach):
            raise ValueError(f"receptive_field must be {self.reach} rows, found {self.receptive_field}")

    @property
    def reach(self) -> int:
        """Rows that an estimate depends on: all from the bands of the oldest row that is read.

        The mean of the newest few counts as one row, which a window is dimensioned by.
        """
        pooled = 0 if self.pool == "newest" else self.readout - 1
        return pooled + sum(band - 1 for band in self.bands) + max(self.local - 1, 0) + 1


class Steps(Record, frozen=True, kw_only=True):
    """The step graphs of one branch in ring mode, one a hop."""

    graphs: dict[int, Graph]  # by hop, rows that are new at a time
    ring: RingSpec

    def __post_init__(self) -> None:
        if 1 not in self.graphs or any(hop < 1 or self.ring.capacity % hop for hop in self.graphs):
            raise ValueError("steps need a hop of 1, and a capacity that is a multiple of every hop")
        ring = self.ring
        for hop, graph in self.graphs.items():
            shapes = {tensor.name: tensor.shape for tensor in graph.inputs}
            bias, tail = shapes.get("bias", ()), shapes.get("tail", (0, 0, 0))
            found = (*bias[:1], *bias[2:], *tail[1:2])  # of another number of dimensions, too
            if found != (len(ring.bands), hop, ring.capacity, max(ring.local - 1, 0)):
                raise ValueError(
                    f"{graph.file} must have the ring's bands, capacity, local ticks, and its hop"
                )


class Mode(Record, frozen=True, kw_only=True):
    """One way to run the temporal models: its graphs, its hop and its calibration.

    With ``steps`` (ring mode) the graph of such a branch is its readout, from what the steps left behind.
    """

    branches: dict[str, Graph]  # any of BRANCHES
    fusion: Graph
    hop: int  # ticks between estimates when nothing else is asked
    calibration: Calibration
    steps: dict[str, Steps] = {}  # of the branches that a ring carries

    def __post_init__(self) -> None:
        unknown = (set(self.branches) | set(self.steps)) - set(BRANCHES)
        if unknown or not self.branches:
            raise ValueError(f"branches must be some of {', '.join(BRANCHES)}")
        if not set(self.steps) <= set(self.branches):
            raise ValueError("steps must belong to branches")
        missing = {key_of(present) for present in _subsets(self.branches)} - set(self.calibration.slope)
        if missing:
            raise ValueError(f"calibration lacks {', '.join(sorted(missing))}")
        if self.hop <= 0:
            raise ValueError("hop must be a positive number of ticks")


def key_of(present: Iterable[str]) -> str:
    """Calibration key of a set of present branches, e.g. ``keypoints+image``."""
    chosen = set(present)
    return "+".join(name for name in BRANCHES if name in chosen)


def _subsets(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    ordered = tuple(names)
    return chain.from_iterable(combinations(ordered, n) for n in range(1, len(ordered) + 1))


class ImageInput(Record, frozen=True, kw_only=True):
    """Portrait preprocessing and the encoder that turns it into a feature."""

    encoder: Graph  # float32 [1, 3, size, size] → float32 [1, dim]
    size: int  # pixels; the portrait is resized to size×size directly
    mean: tuple[float, float, float]  # of RGB in 0..1
    std: tuple[float, float, float]
    dim: int
    token: Literal["cls", "mean"] = "cls"


TextForm = Literal["guarded", "paper"]  # of descriptions; see `stream.describing.rendering`


class TextInput(Record, frozen=True, kw_only=True):
    """Tokenizer of the text branch, and the descriptions that it learnt to read."""

    tokenizer: str  # file
    length: int  # word pieces, padded or cut
    form: TextForm = "guarded"


class Extractor(Record, frozen=True, kw_only=True):
    """The front-end model whose output a bundle was trained on."""

    name: str
    sha256: str  # of the model files, in name order


class FileEntry(Record, frozen=True, kw_only=True):
    sha256: str
    size: int  # bytes


class Golden(Record, frozen=True, kw_only=True):
    """Files of inputs and of what the float32 networks said of them, to prove a provider with."""

    files: tuple[str, ...]
    inputs: str  # what they were made from
    outputs: str  # what said the answers


class Tolerance(Record, frozen=True, kw_only=True):
    """How far a graph may be from its golden outputs; see `stream.verify.gate`."""

    relative: float  # ‖found − expected‖ / ‖expected‖, of any one answer
    cosine: float  # at least
    confidence: float  # |win found − win expected|, at any moment of a clip

    def __post_init__(self) -> None:
        if not (self.relative > 0 and 0 < self.cosine <= 1 and self.confidence > 0):
            raise ValueError("tolerances must be positive, a cosine at most 1")


class Provenance(Record, frozen=True, kw_only=True):
    licence: str
    data: str  # what it was trained on
    command: str  # what rebuilds it
    note: str  # what a reader must know first
    created: str  # ISO date


# As many fields as the file has keys.
class Manifest(Record, frozen=True, kw_only=True):
    """``manifest.json``."""

    schema: int = SCHEMA
    name: str
    task: str = "win-loss"
    classes: tuple[str, ...] = ("loss", "win")
    layout: Literal["openpose137"] = "openpose137"
    window: Window
    prior: float  # probability of win that the calibration assumes for deployment
    warmup_s: float  # valid seconds before the state may be "ok"; half a window is always enough
    extractors: dict[str, Extractor]
    image: ImageInput | None = None
    text: TextInput | None = None
    modes: dict[Literal["full", "ring"], Mode]
    provenance: Provenance
    golden: Golden | None = None
    tolerances: dict[Precision, Tolerance] = {}  # where they differ from the usual ones
    files: dict[str, FileEntry]

    def __post_init__(self) -> None:
        if not 0.0 < self.prior < 1.0:
            raise ValueError("prior must lie between 0 and 1")
        if not self.modes:
            raise ValueError("modes must not be empty")
        named = {name for mode in self.modes.values() for name in mode.branches}
        if ("image" in named) != (self.image is not None) or ("text" in named) != (self.text is not None):
            raise ValueError("an image or text branch needs its input section, and the section its branch")
        graphs = graphs_of(self)
        twice = sorted(name for name, n in Counter(graph.file for graph in graphs).items() if n > 1)
        if twice:  # or what the second one says of its precision would pass the gate unseen
            raise ValueError(f"modes that share {twice[0]} must say the same of it")


def graphs_of(manifest: Manifest) -> list[Graph]:
    """Every graph of a bundle once: of each mode's branches, steps and fusion, and the image encoder.

    Modes may share a file; they say the same of it (see `Manifest`).
    """
    graphs = [g for mode in manifest.modes.values() for g in (*mode.branches.values(), mode.fusion)]
    graphs += [g for mode in manifest.modes.values() for s in mode.steps.values() for g in s.graphs.values()]
    graphs += [manifest.image.encoder] if manifest.image else []
    return list(dict.fromkeys(graphs))
