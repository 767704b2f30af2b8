"""A recipe, the configuration of a run: a frozen record ⇄ TOML. Building it uses no device, network or
environment."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from stream.bundle.manifest import Window
from stream.errors import UsageError
from training.recipe_text import assigned, merged, problems, toml_lines, without
from training.simulator.behaviour import PROFILES

RECIPES = Path(__file__).with_name("recipes")
Count = Annotated[int, msgspec.Meta(ge=0)]
Some = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Part = Annotated[float, msgspec.Meta(ge=0, lt=1)]  # less than all
Weight = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section: immutable; unknown keys are refused with a list of the known ones."""


class Temporal(Section, frozen=True, kw_only=True):
    """Sizes of one Transformer. The paper does not state depth, width and heads."""

    dim: Some = 64
    layers: Some = 1
    heads: Some = 1
    feedforward: Some = 128
    dropout: Part = 0.1


class Bert(Section, frozen=True, kw_only=True):
    """The text encoder, a BERT; paper: BERT-Base. A source overrides these sizes."""

    source: str = ""  # folder or hub name of weights and tokenizer; empty = these sizes, from scratch
    sha256: str = ""  # expected hash of the source's weights; empty = any
    dim: Some = 64
    layers: Some = 2
    heads: Some = 2
    feedforward: Some = 128
    length: Some = 512  # word pieces, padded or truncated
    vocabulary: Some = 400
    dropout: Part = 0.1


# One field per key of the recipe's section; the same below.
class Model(Section, frozen=True, kw_only=True):
    """The fused network."""

    out: Some = 64  # E, width of every branch vector
    spatial: Literal["mlp", "gcn", "gat", "gin"] = "mlp"  # encoder of one tick; the paper's winner
    graph_readout: Literal["flatten", "mean"] = "flatten"  # of a graph's nodes: the paper's, or ours
    offsets: bool = True  # read displacements besides x and y
    places: bool = True  # read x and y; without them only motion is read, which identifies people less (ours)
    hidden: Some = 128  # units of the spatial encoder; a graph's nodes have a quarter each
    whiten: bool = False  # decorrelate the MLP's inputs (ours); needs much training data
    local: Count = 0  # odd number of ticks of the convolution before the Transformers (ours); 0 = none
    keypoints: Temporal = Temporal()
    image: Temporal = Temporal()
    text: Bert = Bert()
    image_features: Some = 64  # D of the portrait encoder
    fusion: Literal["concat", "cross"] = "concat"  # cross attention overfitted in the paper
    fusion_dropout: Part = 0.1


class Video(Section, frozen=True, kw_only=True):
    """X-CLIP-Base on whole frames, the baseline of the image branch."""

    source: str = ""  # folder or hub name of weights; empty = the original size, untrained
    patch: Literal[16, 32] = 32  # px, of an untrained network; not stated in the paper
    frames: Some = 16  # evenly spaced over the video (paper: 16)
    out: Some = 256  # E, width of its vector


# One field per key of the section.
class Data(Section, frozen=True, kw_only=True):
    """The training data; every simulated recording shows a different subject."""

    branches: tuple[Literal["keypoints", "image", "text"], ...] = ("keypoints", "image", "text")
    profile: str = "standard"
    recordings: Count = 300  # labelled, simulated
    seconds: Positive = 100.0
    mixed: Share = 0.0  # share of recordings whose behaviour changes once
    unlabelled: Count = 100  # subjects that get pseudo-labels in stage 2
    labeller: Share = 0.644  # accuracy of the pseudo-labels (paper: 64.4 %)
    texts: Count = 2000  # additional descriptions without points, as a text branch would memorise a few
    held_out: Count = 100  # subjects for calibration and metrics, never trained on
    easier: str = ""  # profile of the first, easier people of stage 1 (a curriculum); empty = none
    easier_share: Weight = 1.0  # steps on their moments, relative to those of `[moments]`
    warped_share: Share = 0.5  # share of windows from films of warped people, if there are any
    portraits: Count = 0  # simulated recordings that get image features
    encoder_samples: Count = 8192  # portraits to train a run's own image encoder on


class Splitting(Section, frozen=True, kw_only=True):
    """How a corpus on disk is divided, by subject. Shares refer to the subjects of the training part."""

    split: str = "disjoint"  # a published protocol or our own, by its name in the corpus
    validation: Part = 0.12  # early stopping
    calibration: Part = 0.18  # calibration, on people that are used for nothing else
    hidden: Part = 0.25  # subjects with hidden labels, the pool of pseudo-labels in the inductive setting


Sampler = Literal["window", "history", "paper"]


# One field per key of the section.
class Stage(Section, frozen=True, kw_only=True):
    """One optimisation run."""

    steps: Count = 400
    batch: Some = 24
    rate: Positive = 2e-3  # peak learning rate
    warmup: Count = 30  # steps
    decay: Weight = 0.02  # AdamW's weight decay
    average: Part = 0.99  # decay of the averaged weights (EMA), which are the result
    gamma: Weight = 1.0  # focal loss
    alpha: Share = 0.5  # weight of the win class, 0.5 = balanced
    balance: Literal["none", "sampler", "alpha"] = "none"  # correction of an uneven class ratio
    sampler: Sampler = "window"
    seconds: tuple[Positive, Positive] = (8.0, 40.0)  # window lengths, drawn log-uniformly
    partial: Share = 0.3  # share of windows that are not yet full
    moments: Weight = 0.0  # weight of the auxiliary loss on moments (simulated people only, stage 1)
    contrastive: Weight = 0.0  # weight of the supervised contrastive loss on branch vectors (stage 1)
    validate_every: Count = 0  # steps; 0 = no early stopping
    patience: Some = 5  # validations without improvement before a stage stops


class Dropping(Section, frozen=True, kw_only=True):
    """Probabilities of dropping inputs in training (modality dropout and similar)."""

    keypoints: Share = 0.15
    image: Share = 0.4
    text: Share = 0.7
    group: Share = 0.1  # body, face or hands, for the whole window
    gap: Share = 0.2  # a stretch of ticks


class Weak(Section, frozen=True, kw_only=True):
    """Pseudo-labels in stage 2. ``hard`` is the paper's form, the others are our additions."""

    labels: Literal["hard", "soft", "weighted", "confident", "none"] = "hard"
    confident: Share = 0.8  # minimum confidence of labels in the form "confident"
    weight: Weight = 0.5  # of a pseudo-labelled window in the loss
    rounds: Some = 1  # before each further round, the model's own predictions refine the labels


class Target(Section, frozen=True, kw_only=True):
    """The training target of a window.

    ``label``: the recording's label (recordings whose behaviour changes always use the evidence).
    ``evidence``: sigmoid of the true events' exact log-likelihood ratio inside the window, times ``temper``
    and clipped at ±``limit``. Available for simulated people only.
    """

    kind: Literal["label", "evidence"] = "label"
    temper: Positive = 0.3
    limit: Positive = 3.0


class Calibrating(Section, frozen=True, kw_only=True):
    """The map from logit to confidence, fitted on held-out subjects."""

    knots_s: tuple[Positive, ...] = (2.0, 5.0, 10.0, 20.0, 40.0)
    windows: Some = 400  # per knot
    cap: Positive = 3.0  # largest calibrated logit of a long window …
    cap_from_s: Positive = 30.0  # … from here on; proportionally smaller before
    smooth: Part = 0.02  # label smoothing


class Ring(Section, frozen=True, kw_only=True):
    """Ring mode: causal Transformers as wide as the full ones, trained after them (0 steps = left out)."""

    layers: Some = 3
    readout: Some = 25  # newest outputs that are averaged, without a pool
    # Readout: the mean of the newest outputs, with layers that pass on the whole window; or a pool over the
    # whole window, by its mean or by learned attention, with layers that see ``band_s`` seconds each.
    pool: Literal["newest", "mean", "attention"] = "newest"
    band_s: Positive = 2.0
    hop: Some = 5  # ticks between estimates, of the bundle
    course: Stage = Stage(steps=0, batch=8, rate=1e-3, partial=0.0)  # each branch alone, at every position
    together: Stage = Stage(steps=0, rate=3e-4)  # all branches jointly; 0 steps = sum of the branches
    later: Weight = 0.5  # a position's weight is its share of the window to this power
    moments: Weight = 1.0  # weight of the loss on moments, on the first layer's rows (simulated people only)
    distil: Weight = 0.0  # weight of distillation from the full branch, for the whole window


class Inference(Section, frozen=True, kw_only=True):
    """How a whole video is predicted."""

    sampler: Sampler = "window"
    votes: Some = 4  # samples per video; their logits are averaged


class Compute(Section, frozen=True, kw_only=True):
    """Computing resources; only ``precision`` and the number of processes affect results."""

    threads: Some = 2
    workers: Count = 0  # processes that prepare batches; 0 = prepared between the steps
    precision: Literal["no", "bf16", "fp16"] = "no"
    save_every: Some = 200  # steps between saved states, from which a killed run resumes


class Delivery(Section, frozen=True, kw_only=True):
    """Fields of the bundle's manifest."""

    poses: Some = 4000
    features: Some = 800
    hop: Some = 25
    prior: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    warmup_s: Weight = 8.0
    data: str = "simulated people"
    note: str = "Trained on made-up people: no real-world meaning."
    licence: str = "Apache-2.0"


class Contradiction(ValueError):
    """Values of a recipe that do not fit together: the sections that they stand in, and a sentence each."""

    def __init__(self, found: list[tuple[set[str], str]]) -> None:
        super().__init__("; ".join(sentence for _, sentence in found))
        self.found = found


# One field per section of the file.
class Recipe(Section, frozen=True, kw_only=True):
    """The configuration of a training run."""

    name: str
    seed: Count = 0
    compute: Compute = Compute()
    model: Model = Model()
    video: Video = Video()
    data: Data = Data()
    splitting: Splitting = Splitting()
    target: Target = Target()
    dropping: Dropping = Dropping()
    moments: Stage = Stage(steps=0, rate=3e-3, seconds=(4.0, 8.0))  # start of stage 1; 0 steps = left out
    pretrain: Stage = Stage()
    describe: Stage = Stage(batch=32)  # stage 1 of the text branch, on whole recordings
    finetune: Stage = Stage(steps=150, rate=3e-4)
    weak: Weak = Weak()
    ring: Ring = Ring()
    inference: Inference = Inference()
    calibrating: Calibrating = Calibrating()
    delivery: Delivery = Delivery()

    def __post_init__(self) -> None:
        """Contradiction for values that do not fit together, with all of them."""
        if found := list(self.contradictions()):
            raise Contradiction(found)

    def contradictions(self) -> Iterator[tuple[set[str], str]]:
        """Sections and sentence of values that do not fit together: neighbours in time where rows are a
        sparse sample that has none, widths that heads cannot share, a profile of nobody."""
        model, data = self.model, self.data
        for name in ("keypoints", "image"):
            sizes = getattr(model, name)
            if sizes.dim % (2 * sizes.heads):
                yield {"model"}, f"model.{name}.dim must be a multiple of twice its heads"
        if model.text.dim % model.text.heads:
            yield {"model"}, "model.text.dim must be a multiple of its heads"
        if model.local and not model.local % 2:
            yield {"model"}, "model.local must be odd, or 0"
        if not data.branches:
            yield {"data"}, "data.branches must name one at least"
        for key in ("profile", "easier"):
            profile = getattr(data, key)
            if profile not in PROFILES and (profile or key == "profile"):
                yield {"data"}, f"data.{key} must be one of {', '.join(PROFILES)}"
        if {self.ring.course.sampler, self.ring.together.sampler} != {"window"}:
            yield {"ring"}, 'the ring mode reads tick after tick, so its sampler must be "window"'
        samplers = {s.sampler for s in (self.moments, self.pretrain, self.finetune, self.inference)}
        if model.local and samplers != {"window"}:
            yield (
                {"model", "moments", "pretrain", "finetune", "inference"},
                'model.local mixes neighbouring ticks, so every sampler but the text\'s must be "window"',
            )

    @property
    def window(self) -> Window:
        """Slots of the delivered windows; training cuts shorter ones with the same grid and offsets."""
        return Window(poses=self.delivery.poses, features=self.delivery.features)


def load(source: str | Path, changes: Iterable[str] = ()) -> Recipe:
    """A recipe by name (``tiny``) or TOML path, with ``changes`` as ``section.key=value``.

    UsageError for an unknown one, with those that there are, and for all that is wrong with it at once.
    """
    raw = _tables(source)
    return _as(Recipe, merged(raw, assigned(changes)), str(_path(source)))


def changed(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """A recipe with ``changes`` as ``section.key=value``. UsageError as ``load``."""
    return _as(Recipe, merged(msgspec.to_builtins(recipe), assigned(changes)), recipe.name)


def parse(text: str, where: str = "recipe") -> Recipe:
    """Decode TOML strictly; a recipe that extends another is read by ``load``."""
    return parse_as(text, Recipe, where)


Kind = TypeVar("Kind", bound=Section)


def parse_as(text: str, kind: type[Kind], where: str = "recipe") -> Kind:
    """Decode TOML strictly as a recipe of another kind. UsageError as ``load``."""
    return _as(kind, _decoded(text, where), where)


def _path(source: str | Path) -> Path:
    path = Path(source)
    return path if path.suffix == ".toml" else RECIPES / f"{source}.toml"


def _tables(source: str | Path, extending: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What a recipe says, and what it does not say from the one that it extends."""
    path = _path(source)
    if path.resolve() in extending:
        raise UsageError(f"{path}: expected another recipe to extend, found itself; correct `extends`.")
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise UsageError(
            f"{source}: expected a recipe ({known}) or a TOML file, found none; choose one of these."
        ) from error
    raw = _decoded(text, str(path))
    base = raw.pop("extends", None)
    if base is None:
        return raw
    if not isinstance(base, str):
        raise UsageError(f'{path}: expected extends = "NAME" or a TOML file, found {base!r}; correct it.')
    beside = path.parent / base if base.endswith(".toml") else base
    return merged(_tables(beside, (*extending, path.resolve())), {"name": path.stem} | raw)


def _decoded(text: str, where: str) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = msgspec.toml.decode(text)
    except msgspec.MsgspecError as error:
        raise _malformed(where, [str(error)]) from error
    return raw


def _as(kind: type[Kind], raw: dict[str, Any], where: str) -> Kind:
    """UsageError with every unknown key, every value that is none and all that does not fit together."""
    wrong = dict(problems(raw, kind))
    others: list[tuple[set[str], str]] = []
    try:
        recipe = msgspec.convert(without(raw, wrong), kind)
        if not wrong:
            return recipe
    except msgspec.ValidationError as error:
        others = [(set(), str(error))]
        if isinstance(error.__cause__, Contradiction):
            others = error.__cause__.found
    # A section with a wrong value was looked at with the default in its place: no word on how it fits.
    sections = {path.partition(".")[0] for path in wrong}
    raise _malformed(where, [*wrong.values(), *(s for places, s in others if not places & sections)])


def _malformed(where: str, sentences: Iterable[str]) -> UsageError:
    return UsageError(
        f"{where}: expected a recipe, found a malformed one ({'; '.join(sentences)}); correct it."
    )


def to_toml(recipe: Section, without_defaults: Collection[str] = ()) -> str:
    """The whole recipe as TOML, defaults included: ``parse(to_toml(r)) == r``.

    ``without_defaults``: keys ("section.key") that are left out where they have their default.
    """
    table = msgspec.to_builtins(recipe)
    for section, _, key in (path.partition(".") for path in without_defaults):
        if getattr(getattr(recipe, section), key) == getattr(type(getattr(recipe, section))(), key):
            del table[section][key]
    return "\n".join(toml_lines(table)) + "\n"
