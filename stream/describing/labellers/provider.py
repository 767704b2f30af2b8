"""The protocol of a labeller: a clip and a prompt in, one checked answer out."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from stream.capture.redact import redact
from stream.errors import UsageError

if TYPE_CHECKING:  # needs the extra's libraries; the records below do without
    from stream.describing.labellers.answer import Answer, Verdict
    from stream.describing.labellers.gemini import Gemini
    from stream.describing.labellers.prompts import Prompt

Resolution = Literal["low", "medium"]
FRAME_TOKENS: dict[Resolution, int] = {"low": 64, "medium": 256}  # Gemini's documentation, media resolution
MOST_FPS = 24.0  # Gemini's maximum
# The paper's gemini-2.5-pro is being shut down; calls to it are routed to this model.
GEMINI_MODEL = "gemini-3.8-flash"
KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")  # in this order
GEMINI_URL = "UNDERTONE_GEMINI_URL"
GOOGLE = "https://generativelanguage.googleapis.com"


@dataclass(frozen=True, slots=True)
class Clip:
    """A video to describe."""

    path: Path  # without sound and metadata
    sha256: str  # of the original file
    seconds: float
    id: str = ""  # of the video in its corpus, if it has one


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model sees and answers. UsageError for values that no model accepts."""

    model: str
    fps: float = 4.0  # frames per second that the model sees, 0..24
    resolution: Resolution = "low"
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fps <= MOST_FPS:
            raise UsageError(
                f"expected fps above 0 and up to {MOST_FPS:g}, found {self.fps:g}; choose another."
            )
        if self.resolution not in FRAME_TOKENS:
            raise UsageError(
                f"expected a resolution of {' or '.join(FRAME_TOKENS)}, found {self.resolution!r}; "
                "choose one."
            )

    def tokens(self, seconds: float) -> int:
        """Approximate cost of a clip's pictures; the prompt comes on top."""
        return max(1, round(seconds * self.fps)) * FRAME_TOKENS[self.resolution]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came back."""

    raw: str  # the model's text, verbatim
    answer: "Answer | Verdict"
    model: str  # that served the request; it may differ from the one requested
    tokens_in: int = 0  # of the request that it answers
    tokens_out: int = 0  # including the model's thoughts


Keep = Callable[[Reply], None]


def nothing(reply: Reply) -> None:
    """Keep nothing."""


class Meter:
    """Counts requests and may stop them; this one stops none. Called from several threads at once."""

    def request(self) -> None:
        """Called before every request for an answer, also a repeated one; may wait, or raise to stop it."""

    def spent(self, tokens_in: int, tokens_out: int) -> None:
        """Called with the cost of a request, whatever its result."""


FREE = Meter()


class Provider(Protocol):
    """A labeller: describes clips; may be called from several threads at once."""

    name: str

    def describe(self, clip: Clip, prompt: "Prompt", sampling: Sampling, keep: Keep = nothing) -> Reply:
        """One answer. ``keep`` receives it before any cleaning up, so that a killed run loses no answer.

        Raises DescriptionRefused and DescriptionMalformed (about this video), DescriptionUnavailable (a retry
        may succeed) and DescriptionDenied (no retry can succeed).
        """
        ...

    def close(self) -> None:
        """Delete whatever the service still holds."""
        ...


def gemini(**options: Any) -> "Gemini":
    """Gemini with these options. UsageError without the extra's libraries and without a key."""
    try:
        from stream.describing.labellers.gemini import Gemini
    except ModuleNotFoundError as error:
        raise UsageError(
            f"gemini: expected Google's client, found no {error.name}; "
            "install Undertone with its extra `gemini`."
        ) from None
    return Gemini(**options)


def check_gemini() -> None:
    """Raises UsageError when Gemini cannot be asked; sends nothing."""
    gemini().close()


def gemini_key() -> str:
    """The key. UsageError without one."""
    for name in KEYS:
        if key := os.environ.get(name, "").strip():
            return key
    raise UsageError(f"gemini: expected a key in {' or '.join(KEYS)}, found none; set one of them.")


def gemini_address(given: str | None = None) -> str:
    """Address for requests to Gemini: ``given``, UNDERTONE_GEMINI_URL or Google. UsageError for http:// to
    another host."""
    address = given or os.environ.get(GEMINI_URL) or GOOGLE
    parts = urlsplit(address)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in (("http", "https") if local else ("https",)):
        raise UsageError(
            f"{GEMINI_URL}: expected an https:// address, found {redact(address)!r}; correct it."
        )
    return address
