"""Options of the larger commands of ``undertone-training``: names, types and defaults."""

from dataclasses import dataclass, field
from pathlib import Path

from stream.describing.labellers.provider import GEMINI_MODEL
from stream.frontend.options import FrontEndOptions


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """The options of ``undertone-training extract``."""

    videos: Path
    labels: Path
    out: Path
    workers: int | None = None
    encoder: str | None = None
    frames: int = 0
    partial: bool = False
    licence: str = "not stated"
    seed: int = 0
    imigue: bool = False
    front_end: FrontEndOptions = field(default_factory=FrontEndOptions)


@dataclass(frozen=True, slots=True)
class AskingOptions:
    """The labeller, the prompt, and the form of the text."""

    prompt: str = "cot_reflection"
    rules: Path | None = None
    provider: str = "gemini"
    model: str = GEMINI_MODEL
    fps: float = 4.0
    resolution: str = "low"
    seed: int = 0
    text: str = "guarded"
    names: Path | None = None


@dataclass(frozen=True, slots=True)
class SpendingOptions:
    """Rate and budget of the requests."""

    workers: int = 4
    per_minute: float | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    price_in: float | None = None
    price_out: float | None = None


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """The options of ``undertone-training label``."""

    videos: Path
    out: Path
    retry_failed: bool = False
    dry_run: bool = False
    yes: bool = False
    asking: AskingOptions = field(default_factory=AskingOptions)
    spending: SpendingOptions = field(default_factory=SpendingOptions)


@dataclass(frozen=True, slots=True)
class PeopleOptions:
    """The people to evaluate on."""

    corpus: Path | None = None
    part: str = "test"
    labels: Path | None = None
    other_corpus: bool = False
    people: int = 1000
    seconds: float | None = None
    live_people: int = 200


@dataclass(frozen=True, slots=True)
class JudgingOptions:
    """How predictions are made and summarised."""

    poses: int | None = None
    branches: str = "keypoints,image,text"
    prior: float | None = None
    quantile: float | None = None
    curve: str = "5,10,30,60,160"
    every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """The options of ``undertone-training evaluate``."""

    runs: list[Path]
    out: Path
    of: PeopleOptions = field(default_factory=PeopleOptions)
    by: JudgingOptions = field(default_factory=JudgingOptions)
