"""What a labeller said, kept for ever: one JSON file an answer, written whole or not at all.

An answer belongs to the model that was asked, the prompt in its exact words, the content of the video and the
sampling. Failures are kept too, with their reason, so that nobody is asked again by accident.
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
    """Whose answer, to which question, about what."""

    model: str  # as asked for
    prompt: str  # name, version and the beginning of the text's SHA-256
    video: str  # SHA-256 of the file as it was given, with its sound
    fps: float
    resolution: str
    temperature: float
    seed: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.video[:16]}-{hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]}.json"


def key_of(video: str, prompt: Prompt, sampling: Sampling) -> Key:
    """The key of a video, by SHA-256, under a prompt and a sampling."""
    return Key(
        sampling.model,
        prompt.key,
        video,
        sampling.fps,
        sampling.resolution,
        sampling.temperature,
        sampling.seed,
    )


class Kept(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An answer or why there is none."""

    key: Key
    id: str  # the video's name when it was asked about
    raw: str | None = None  # the model's text, verbatim; of a malformed answer too
    served: str | None = None  # model that answered
    requests: int = 0  # about this video, whatever came of them
    tokens_in: int = 0  # of all of them
    tokens_out: int = 0
    failed: str | None = None  # the reason

    @property
    def spent(self) -> Spent:
        return Spent(self.requests, self.tokens_in, self.tokens_out)

    def why(self, prompt: Prompt) -> str | None:
        """Why there is no answer to this prompt; None where there is one."""
        return None if self.answer(prompt) else self.failed or "an answer of another form"

    def answer(self, prompt: Prompt) -> Answer | Verdict | None:
        """The answer; None where it failed or is none of this prompt's schema."""
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

    def get(self, key: Key) -> Kept | None:
        """What is kept under a key. UsageError for a file that is damaged or belongs to another key."""
        path = self._folder / key.name
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise UsageError(
                f"{path}: expected a kept answer, found none that reads ({error}); remove the file."
            ) from error
        if kept.key != key:
            raise UsageError(f"{path}: expected the answer of its name, found another's; remove the file.")
        return kept

    def put(self, key: Key, id: str, reply: Reply, spent: Spent | None = None) -> None:
        """Keep an answer. ``spent``: what it took, where that is more than its own request."""
        took = spent or Spent(1, reply.tokens_in, reply.tokens_out)
        self._write(Kept(key, id, reply.raw, reply.model, took.requests, took.tokens_in, took.tokens_out))

    def fail(self, key: Key, id: str, reason: str, raw: str | None = None, spent: Spent = NOTHING) -> None:
        """Keep that there is none, why, and what that took."""
        self._write(
            Kept(key, id, raw, None, spent.requests, spent.tokens_in, spent.tokens_out, failed=reason)
        )

    def _write(self, kept: Kept) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_with(self._folder / kept.key.name, msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
