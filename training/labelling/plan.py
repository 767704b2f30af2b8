"""What is there, what is known of it already, and what remains to be asked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stream.describing.labellers.answer import Answer, Verdict
from stream.describing.labellers.prompts import Prompt
from stream.describing.labellers.provider import Sampling
from stream.describing.picture_only import digest, seconds
from stream.errors import SourceError
from training.extraction import videos
from training.labelling.budget import Price
from training.labelling.cache import Cache, Kept, Key, key_of

LETTERS = 4  # of a prompt in one token, roughly
# Of one answer with what is thought before it: a guess, until there are answers to go by.
GUESS: dict[type, int] = {Answer: 4000, Verdict: 1500}
UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """One file to be labelled."""

    id: str
    path: Path
    key: Key
    seconds: float  # 0 where it does not read
    size: int  # bytes, with its sound
    kept: Kept | None  # of an earlier run

    def tokens(self, prompt: Prompt, sampling: Sampling) -> int:
        """What one request about it takes, roughly, without the answer."""
        return sampling.tokens(self.seconds) + len(prompt.text) // LETTERS


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Every video of a folder under one prompt and sampling."""

    videos: tuple[Video, ...]
    prompt: Prompt
    sampling: Sampling
    retry_failed: bool = False

    @property
    def waiting(self) -> tuple[Video, ...]:
        """Who is still to be asked about; of files with the same content one."""
        open: dict[Key, Video] = {}
        for v in self.videos:
            if v.kept is None or (self.retry_failed and v.kept.answer(self.prompt) is None):
                open.setdefault(v.key, v)
        return tuple(open.values())

    @property
    def named(self) -> set[str]:
        """Ids and SHA-256 of all videos."""
        return {name for video in self.videos for name in (video.id, video.key.video)}

    @property
    def copies(self) -> Counter[Key]:
        """How many files there are of each content."""
        return Counter(video.key for video in self.videos)

    def now(self, cache: Cache) -> "Plan":
        """The same with what is kept by now."""
        return replace(self, videos=tuple(replace(v, kept=cache.get(v.key)) for v in self.videos))

    def tokens(self) -> list[int]:
        """Of each request that is still to be made, roughly, without the answers."""
        return [video.tokens(self.prompt, self.sampling) for video in self.waiting]

    def answer_tokens(self) -> tuple[int, int]:
        """Of one answer, roughly, and of how many kept ones that is the mean; 0 where it is guessed."""
        told = [v.kept.tokens_out for v in self.videos if v.kept and v.kept.answer(self.prompt)]
        told = [tokens for tokens in told if tokens]
        return (round(sum(told) / len(told)) if told else GUESS[self.prompt.schema]), len(told)

    def dry(self, price: Price | None, address: str | None) -> str:
        """What carrying it out would take, in words. ``address``: where videos go, None for nowhere."""
        tokens, (each, known) = self.tokens(), self.answer_tokens()
        told = [f"{len(self.videos)} videos, {len(self.videos) - len(self.waiting)} without a request"]
        if address is None:
            return "\n".join([*told, f"{len(tokens)} to be read from the file of answers; nothing is sent"])
        basis = f"as in {known} kept ones" if known else "a guess"
        told.append(
            f"{len(tokens)} requests, about {sum(tokens)} tokens in, the largest about "
            f"{max(tokens, default=0)}, and {len(tokens) * each} out ({each} an answer, {basis})"
        )
        told.append(f"up to {size(self.waiting)} to {address}")
        if price:
            told.append(f"cost about {price.of(sum(tokens), len(tokens) * each):.2f}, answers included")
        return "\n".join(told)


def plan(folder: Path, cache: Cache, prompt: Prompt, sampling: Sampling, retry_failed: bool = False) -> Plan:
    """Look at every video of ``folder``. UsageError for none, and for a damaged answer."""
    found = []
    for id, path in videos.find(folder).items():
        key = key_of(digest(path), prompt, sampling)
        try:
            length = seconds(path)
        except SourceError:  # said when its turn comes
            length = 0.0
        found.append(Video(id, path, key, length, path.stat().st_size, cache.get(key)))
    return Plan(tuple(found), prompt, sampling, retry_failed)


def size(videos: Sequence[Video]) -> str:
    """Of all files together, with their sound."""
    total = sum(video.size for video in videos)
    for unit, bytes in UNITS:
        if total >= bytes:
            return f"{total / bytes:.1f} {unit}"
    return f"{total} bytes"
