"""Who describes a video: one call in, one checked answer out."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from stream.capture.redact import redact
from stream.errors import UsageError

if TYPE_CHECKING:  # the extra's libraries: whoever only hands these records on does without
    from stream.describing.labellers.answer import Answer, Verdict
    from stream.describing.labellers.gemini import Gemini
    from stream.describing.labellers.prompts import Prompt

Resolution = Literal["low", "medium"]
FRAME_TOKENS: dict[Resolution, int] = {"low": 64, "medium": 256}  # Gemini's documentation of media resolution
MOST_FPS = 24.0  # Gemini takes no more
# The paper's gemini-2.5-pro is being shut down, and calls to it are routed to this one.
GEMINI_MODEL = "gemini-3.8-flash"
KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")  # where Gemini's may be, in this order
GEMINI_URL = "UNDERTONE_GEMINI_URL"
GOOGLE = "https://generativelanguage.googleapis.com"


@dataclass(frozen=True, slots=True)
class Clip:
    """What is to be described."""

    path: Path  # muted: pictures alone
    sha256: str  # of the file that it was made from
    seconds: float
    id: str = ""  # of the video, where it has one


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model looks and answers. UsageError for values that no model takes."""

    model: str
    fps: float = 4.0  # pictures a second that the model sees, 0..24
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
        """What the pictures of a clip cost, roughly; the prompt comes on top."""
        return max(1, round(seconds * self.fps)) * FRAME_TOKENS[self.resolution]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    raw: str  # the model's text, verbatim
    answer: "Answer | Verdict"
    model: str  # as served, which need not be the one asked for
    tokens_in: int = 0  # of the request that this answers
    tokens_out: int = 0  # with what the model thought


Keep = Callable[[Reply], None]


def nothing(reply: Reply) -> None:
    """Keep nothing."""


class Meter:
    """Is told of every request; this one lets all pass. Called from several threads at once."""

    def request(self) -> None:
        """Before every request for an answer, a repeated one too; may wait, and raise to stop it."""

    def spent(self, tokens_in: int, tokens_out: int) -> None:
        """What a request cost, whatever it brought."""


FREE = Meter()


class Provider(Protocol):
    """Describes clips; may be called from several threads at once."""

    name: str

    def describe(self, clip: Clip, prompt: "Prompt", sampling: Sampling, keep: Keep = nothing) -> Reply:
        """One answer. ``keep`` is given it before anything is tidied up, so that a kill loses no answer.

        Raises DescriptionRefused and DescriptionMalformed (this video will not do), DescriptionUnavailable
        (later, perhaps) and DescriptionDenied (no request will do).
        """
        ...

    def close(self) -> None:
        """Take back whatever was left with the service."""
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
    """UsageError where Gemini cannot be asked: before anybody is bothered with it, and nothing is sent."""
    gemini().close()


def gemini_key() -> str:
    """The key. UsageError without one."""
    for name in KEYS:
        if key := os.environ.get(name, "").strip():
            return key
    raise UsageError(f"gemini: expected a key in {' or '.join(KEYS)}, found none; set one of them.")


def gemini_address(given: str | None = None) -> str:
    """Where requests to Gemini go: ``given``, UNDERTONE_GEMINI_URL or Google. UsageError for http://
    to another host."""
    found = given or os.environ.get(GEMINI_URL) or GOOGLE
    parts = urlsplit(found)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in (("http", "https") if local else ("https",)):
        raise UsageError(f"{GEMINI_URL}: expected an https:// address, found {redact(found)!r}; correct it.")
    return found
