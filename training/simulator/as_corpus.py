"""Simulated people as a corpus, so that every command for real data can be tried without any."""

from collections.abc import Sequence
from functools import partial

from stream.bundle.manifest import Extractor
from stream.errors import UsageError
from training.corpus.grid import RATE
from training.corpus.index import About, Entry, Split
from training.corpus.protocols import own_split
from training.corpus.readers.importing import Source, Video
from training.corpus.recording import Recording
from training.simulator.behaviour import NOTICE, PROFILES
from training.simulator.recordings import simulate


def source(
    name: str,
    *,
    profile: str = "standard",
    recordings: int = 300,
    seconds: float = 100.0,
    seed: int = 0,
    shares: dict[str, float] | None = None,
) -> Source:
    """A source of ``recordings`` people, alternating losses and wins, one recording each.

    A larger number in the same folder adds people. Raises UsageError for an unknown profile.
    """
    if profile not in PROFILES:
        raise UsageError(
            f"{profile}: expected a profile of {', '.join(PROFILES)}, found another; choose one."
        )
    about = About(
        name=name,
        provenance=f"simulator, profile {profile}, {seconds:g} s each, seeds from {seed}; {NOTICE}",
        licence="Apache-2.0",
        simulated=True,
        extractors={"keypoints": Extractor(name="simulator", sha256="none")},
        rate=RATE,
    )
    videos = [
        Video(f"{name}-{i:05d}", partial(_make, profile, i % 2, seconds, seed + i)) for i in range(recordings)
    ]
    return Source(about, videos, partial(_splits, seed=seed, shares=shares))


def _make(profile: str, label: int, seconds: float, seed: int) -> tuple[Recording, float, str]:
    return simulate(PROFILES[profile], label, seconds, seed), RATE, ""


def _splits(entries: Sequence[Entry], seed: int, shares: dict[str, float] | None) -> dict[str, Split]:
    return own_split(entries, seed, shares)
