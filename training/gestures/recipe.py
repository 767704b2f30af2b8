"""A recipe of the gesture branches as data: a frozen record ⇄ TOML, as for the fused model."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from stream.errors import UsageError
from training.config import Count, Part, Positive, Section, Share, Some, Weight, parse_as
from training.gestures.points import SETS

RECIPES = Path(__file__).with_name("recipes")
MADE_UP = 26  # classes that have a made-up form
Network = Literal["swin3d_s", "swin3d_t", "r2plus1d_18", "swin3d_small", "r2plus1d_small"]
BranchName = Literal["coordinates", "joints", "limbs", "swin3d", "r2plus1d"]
SKELETON: tuple[BranchName, ...] = ("coordinates", "joints", "limbs")
PICTURE: tuple[BranchName, ...] = ("swin3d", "r2plus1d")


class Course(Section, frozen=True, kw_only=True):
    """One branch's optimisation."""

    steps: Count = 600
    batch: Some = 32
    rate: Positive = 1e-3  # peak learning rate
    warmup: Count = 50  # steps
    decay: Weight = 0.01  # weight decay
    clip: Positive = 5.0  # largest norm of the gradients
    average: Part = 0.99  # decay of the averaged weights that are kept
    optimiser: Literal["adamw", "sgd"] = "adamw"  # sgd has momentum 0.9, as pyskl trains PoseC3D


class Coordinates(Section, frozen=True, kw_only=True):
    """The decoupled ST-CNN; these are the full sizes."""

    ticks: Some = 64
    widths: tuple[Some, ...] = (64, 64, 128, 128, 256)
    strides: tuple[Some, ...] = (1, 1, 2, 1, 2)
    dropout: Part = 0.3
    course: Course = Course()


class Maps(Section, frozen=True, kw_only=True):
    """PoseC3D on joint or limb maps; these are the full sizes."""

    frames: Some = 48
    size: Some = 56
    base: Some = 32
    blocks: tuple[Some, ...] = (4, 6, 3)
    merged: bool = False  # 24 channels in place of one a point (set of 36 alone)
    smallest: Share = 0.56  # least share of the square's area that a training crop keeps
    dropout: Part = 0.5
    course: Course = Course(batch=16)


class Rgb(Section, frozen=True, kw_only=True):
    """One picture branch; these are the full sizes."""

    network: Network = "swin3d_s"
    frames: Some = 32
    size: Some = 224  # pixels that the network reads
    stored: Some = 256  # pixels on disk; training crops from them
    view: Literal["saliency", "portrait"] = "saliency"
    weights: str = ""  # file of Kinetics weights; empty = random
    sha256: str = ""  # that the file must have; empty = any
    dropout: Part = 0.5
    course: Course = Course(batch=8, rate=1e-4)


class Objective(Section, frozen=True, kw_only=True):
    """What every branch minimises."""

    balance: Literal["sqrt", "none", "inverse", "effective"] = "sqrt"  # of the class weights
    smoothing: Weight = 10.0  # s of (n + s)^−1/2
    cap: Positive = 10.0  # largest class weight
    beta: Part = 0.999  # of the effective number
    embedding: Literal["orthogonal", "simplex", "vectors", "none"] = "orthogonal"
    weight: Weight = 0.5  # λ of the embedding loss after its ramp
    ramp: Share = 0.1  # share of the steps over which λ grows from 0
    repel: Weight = 0.1  # of other classes' anchors
    vectors: str = ""  # .npy float [32, D] of label vectors, for embedding = "vectors"
    label_smoothing: Part = 0.0


class Fusing(Section, frozen=True, kw_only=True):
    """How branches vote."""

    temperature: bool = True  # σ(z/T) with T fitted on validation subjects
    weights: Literal["equal", "fitted"] = "equal"


class PseudoLabels(Section, frozen=True, kw_only=True):
    """Cross-modal pseudo-labelling. Thresholds, caps and the stop rule are ours: the paper does not state
    its."""

    teachers: Literal["others", "self", "none"] = "others"
    threshold: Share = 0.9  # τ of every class to begin with …
    quantile: Share = 0.8  # … lowered to this quantile of the class's confidences …
    floor: Share = 0.5  # … but not below this
    class_cap: Weight = 1.0  # of a class's labelled clips
    share_cap: Weight = 0.3  # of all labelled clips
    weight: Weight = 0.5  # of an accepted clip, times its confidence
    stop: Share = 0.7  # least precision on validation subjects; below it nothing is accepted
    corrupt: Share = 0.0  # of the accepted labels, replaced at random: for the study of label noise


class People(Section, frozen=True, kw_only=True):
    """Made-up people, where no corpus is named."""

    count: Some = 100
    seed: Count = 0  # of the first person; not the training's
    seconds: Positive = 120.0
    classes: Annotated[int, msgspec.Meta(ge=2, le=MADE_UP)] = 16
    imbalance: Positive = 150.0
    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.37
    train: Share = 0.7
    test: Share = 0.3


class Splitting(Section, frozen=True, kw_only=True):
    """Shares are of the training part's subjects."""

    split: str = "disjoint"
    hidden: Part = 0.25
    validation: Part = 0.15


class Reporting(Section, frozen=True, kw_only=True):
    """Of the tables."""

    head: Some = 500  # training clips of a head class, at least
    tail: Some = 100  # training clips of a tail class, fewer than
    resamples: Some = 2000


# One attribute a section of the file: parted, they would be looked for in two places.
class GestureRecipe(Section, frozen=True, kw_only=True):
    """All of a run."""

    name: str
    seed: Count = 0
    threads: Some = 2
    save_every: Some = 200  # steps between the points that a killed branch resumes from
    points: Literal["22", "36", "68"] = "68"
    branches: tuple[BranchName, ...] = ("coordinates", "joints", "swin3d", "r2plus1d")
    coordinates: Coordinates = Coordinates()
    joints: Maps = Maps()
    limbs: Maps = Maps()
    swin3d: Rgb = Rgb()
    r2plus1d: Rgb = Rgb(
        network="r2plus1d_18", frames=16, size=112, stored=128, view="portrait", course=Course(batch=16)
    )
    objective: Objective = Objective()
    fusing: Fusing = Fusing()
    pseudo: PseudoLabels = PseudoLabels()
    people: People = People()
    splitting: Splitting = Splitting()
    reporting: Reporting = Reporting()

    def __post_init__(self) -> None:
        """ValueError for values that do not fit together."""
        if not self.branches or len(set(self.branches)) < len(self.branches):
            raise ValueError("branches must name one at least, each once")
        if len(self.coordinates.widths) != len(self.coordinates.strides):
            raise ValueError("coordinates.widths and coordinates.strides must be of one length")
        for name in ("joints", "limbs"):
            maps: Maps = getattr(self, name)
            if maps.merged and self.points != "36":
                raise ValueError(f'{name}.merged needs points = "36"')
            if not 1 <= len(maps.blocks) <= 3:
                raise ValueError(f"{name}.blocks must name one to three stages")
        for name in PICTURE:
            rgb: Rgb = getattr(self, name)
            if rgb.stored < rgb.size:
                raise ValueError(f"{name}.stored must be {name}.size at least")
        if self.objective.embedding == "vectors" and not self.objective.vectors:
            raise ValueError('objective.embedding = "vectors" needs a file of them in objective.vectors')
        if self.people.train + self.people.test > 1 + 1e-9:
            raise ValueError("people.train and people.test must not add up to more than 1")
        assert self.points in SETS


def load(source: str | Path) -> GestureRecipe:
    """A recipe by name (``gestures-tiny``) or TOML path. UsageError, with the known names, for an unknown
    one."""
    path = Path(source)
    if path.suffix != ".toml":
        path = RECIPES / f"{source}.toml"
    try:
        text = path.read_text()
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise UsageError(
            f"{source}: expected a gesture recipe ({known}) or a TOML file, found none; choose one of these."
        ) from error
    return parse_as(text, GestureRecipe, str(path))
