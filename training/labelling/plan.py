"""What is there, what is known of it already, and what remains to be asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.describing.mute import digest, seconds
from stream.describing.prompts import Prompt
from stream.describing.provider import Sampling
from stream.errors import SourceError
from training.corpus import videos
from training.labelling.budget import Price
from training.labelling.cache import Cache, Kept, Key, key_of

LETTERS = 4  # of a prompt in one token, roughly


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
        open = {
            v.key: v
            for v in reversed(self.videos)
            if v.kept is None or (self.retry_failed and v.kept.answer(self.prompt) is None)
        }
        return tuple(reversed(open.values()))

    def tokens(self) -> list[int]:
        """Of each request that is still to be made, roughly, without the answers."""
        return [video.tokens(self.prompt, self.sampling) for video in self.waiting]

    def dry(self, price: Price | None, address: str | None) -> str:
        """What carrying it out would take, in words."""
        tokens = self.tokens()
        told = [
            f"{len(self.videos)} videos, {len(self.videos) - len(self.waiting)} without a request",
            f"{len(tokens)} requests, about {sum(tokens)} tokens in, the largest about "
            f"{max(tokens, default=0)}; answers come on top",
        ]
        if address:
            told.append(f"up to {megabytes(self.waiting)} MB to {address}")
        if price:
            told.append(f"cost about {price.of(sum(tokens), 0):.2f}, answers come on top")
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


def megabytes(videos: Sequence[Video]) -> str:
    return f"{sum(video.size for video in videos) / 1e6:.1f}"
