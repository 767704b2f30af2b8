"""A permanent cache of a labeller's answers: one JSON file per answer, written atomically.

An answer's key is the requested model, the exact prompt, the content of the video and the sampling. Failures
are stored too, with their reason, so that no request is repeated by accident.
"""

import hashlib
from pathlib import Path

import msgspec

from stream.describing.labellers.answer import Answer, Verdict, parse
from stream.describing.labellers.prompts import Prompt
from stream.describing.labellers.provider import Reply, Sampling
from stream.errors import DescriptionMalformed, UsageError
from stream.files import replace_with
from training.labelling.ledger import Spent

NOTHING = Spent()


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model, prompt, video and sampling of an answer."""

    model: str  # as requested
    prompt: str  # name, version and the start of the text's SHA-256
    video: str  # SHA-256 of the original file, with its sound
    fps: float
    resolution: str
    temperature: float
    seed: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.video[:16]}-{hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]}.json"


def key_of(video: str, prompt: Prompt, sampling: Sampling) -> Key:
    """The key of a video, given its SHA-256, for a prompt and a sampling."""
    return Key(
        sampling.model,
        prompt.key,
        video,
        sampling.fps,
        sampling.resolution,
        sampling.temperature,
        sampling.seed,
    )


class CachedAnswer(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An answer, or the reason for its absence."""

    key: Key
    id: str  # the video's name at the time of the request
    raw: str | None = None  # the model's text, verbatim, even if malformed
    served: str | None = None  # model that answered
    requests: int = 0  # for this video, successful or not
    tokens_in: int = 0  # of all requests
    tokens_out: int = 0
    failed: str | None = None  # the reason

    @property
    def spent(self) -> Spent:
        return Spent(self.requests, self.tokens_in, self.tokens_out)

    def failure_reason(self, prompt: Prompt) -> str | None:
        """The reason why there is no answer to this prompt; None if there is one."""
        return None if self.answer(prompt) else self.failed or "an answer of another form"

    def answer(self, prompt: Prompt) -> Answer | Verdict | None:
        """The answer; None if it failed or does not match this prompt's schema."""
        if self.raw is None or self.failed:
            return None
        try:
            return parse(self.raw, prompt.schema)
        except DescriptionMalformed:
            return None


class Cache:
    """A folder of answers. Different keys may be written from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: Key) -> CachedAnswer | None:
        """The cached answer of a key. UsageError for a file that is damaged or belongs to another key."""
        path = self._folder / key.name
        try:
            cached = msgspec.json.decode(path.read_bytes(), type=CachedAnswer)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise UsageError(
                f"{path}: expected a kept answer, found none that reads ({error}); remove the file."
            ) from error
        if cached.key != key:
            raise UsageError(f"{path}: expected the answer of its name, found another's; remove the file.")
        return cached

    def put(self, key: Key, id: str, reply: Reply, spent: Spent | None = None) -> None:
        """Keep an answer. ``spent``: what it took, where that is more than its own request."""
        took = spent or Spent(1, reply.tokens_in, reply.tokens_out)
        self._write(
            CachedAnswer(key, id, reply.raw, reply.model, took.requests, took.tokens_in, took.tokens_out)
        )

    def fail(self, key: Key, id: str, reason: str, raw: str | None = None, spent: Spent = NOTHING) -> None:
        """Store a failure with its reason and cost."""
        self._write(
            CachedAnswer(key, id, raw, None, spent.requests, spent.tokens_in, spent.tokens_out, failed=reason)
        )

    def _write(self, answer: CachedAnswer) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_with(self._folder / answer.key.name, msgspec.json.format(msgspec.json.encode(answer)) + b"\n")
