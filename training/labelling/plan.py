"""The videos of a folder, their cached answers, and the remaining requests with their estimated cost."""

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
from training.labelling.cache import Cache, CachedAnswer, Key, key_of

LETTERS = 4  # per token of a prompt, roughly
# Tokens of one answer including the model's reasoning: a guess until there are answers to estimate from.
GUESS: dict[type, int] = {Answer: 4000, Verdict: 1500}
UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """One file to label."""

    id: str
    path: Path
    key: Key
    seconds: float  # 0 for an unreadable file
    size: int  # bytes, with its sound
    cached: CachedAnswer | None  # of an earlier run

    def tokens(self, prompt: Prompt, sampling: Sampling) -> int:
        """Estimated tokens of one request, without the answer."""
        return sampling.tokens(self.seconds) + len(prompt.text) // LETTERS


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Every video of a folder, with one prompt and sampling."""

    videos: tuple[Video, ...]
    prompt: Prompt
    sampling: Sampling
    retry_failed: bool = False

    @property
    def waiting(self) -> tuple[Video, ...]:
        """The videos that still need a request; of files with the same content only one."""
        open: dict[Key, Video] = {}
        for v in self.videos:
            if v.cached is None or (self.retry_failed and v.cached.answer(self.prompt) is None):
                open.setdefault(v.key, v)
        return tuple(open.values())

    @property
    def named(self) -> set[str]:
        """Ids and SHA-256 of all videos."""
        return {name for video in self.videos for name in (video.id, video.key.video)}

    @property
    def copies(self) -> Counter[Key]:
        """Number of files with each content."""
        return Counter(video.key for video in self.videos)

    def refreshed(self, cache: Cache) -> "Plan":
        """The same plan with the current content of the cache."""
        return replace(self, videos=tuple(replace(v, cached=cache.get(v.key)) for v in self.videos))

    def tokens(self) -> list[int]:
        """Estimated tokens of each remaining request, without the answers."""
        return [video.tokens(self.prompt, self.sampling) for video in self.waiting]

    def answer_tokens(self) -> tuple[int, int]:
        """Estimated tokens of one answer, and the number of cached answers averaged; 0 for a guess."""
        counts = [v.cached.tokens_out for v in self.videos if v.cached and v.cached.answer(self.prompt)]
        counts = [tokens for tokens in counts if tokens]
        return (round(sum(counts) / len(counts)) if counts else GUESS[self.prompt.schema]), len(counts)

    def describe(self, price: Price | None, address: str | None) -> str:
        """The estimated cost of the plan, in words. ``address``: where videos are sent, None if nowhere."""
        tokens, (each, known) = self.tokens(), self.answer_tokens()
        lines = [f"{len(self.videos)} videos, {len(self.videos) - len(self.waiting)} without a request"]
        if address is None:
            return "\n".join([*lines, f"{len(tokens)} to be read from the file of answers; nothing is sent"])
        basis = f"as in {known} kept ones" if known else "a guess"
        lines.append(
            f"{len(tokens)} requests, about {sum(tokens)} tokens in, the largest about "
            f"{max(tokens, default=0)}, and {len(tokens) * each} out ({each} an answer, {basis})"
        )
        lines.append(f"up to {size(self.waiting)} to {address}")
        if price:
            lines.append(f"cost about {price.of(sum(tokens), len(tokens) * each):.2f}, answers included")
        return "\n".join(lines)


def plan(folder: Path, cache: Cache, prompt: Prompt, sampling: Sampling, retry_failed: bool = False) -> Plan:
    """The plan for every video of ``folder``. UsageError without videos, and for a damaged cached answer."""
    found = []
    for id, path in videos.find(folder).items():
        key = key_of(digest(path), prompt, sampling)
        try:
            length = seconds(path)
        except SourceError:  # reported when the video is processed
            length = 0.0
        found.append(Video(id, path, key, length, path.stat().st_size, cache.get(key)))
    return Plan(tuple(found), prompt, sampling, retry_failed)


def size(videos: Sequence[Video]) -> str:
    """Total size of the files with their sound, in words."""
    total = sum(video.size for video in videos)
    for unit, bytes in UNITS:
        if total >= bytes:
            return f"{total / bytes:.1f} {unit}"
    return f"{total} bytes"
