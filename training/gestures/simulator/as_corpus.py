"""Made-up people who gesture, as a corpus: every command for real data runs on it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from stream.bundle.manifest import Extractor
from stream.errors import UsageError
from stream.files import replace_with
from training.corpus.grid import RATE
from training.corpus.index import About
from training.corpus.protocols import own_split
from training.corpus.readers.importing import Source, Video, bring
from training.corpus.recording import Recording
from training.corpus.store import Store
from training.gestures.simulator.recordings import gesture_recording
from training.gestures.simulator.scenes import World
from training.simulator.behaviour import NOTICE

WORLD = "world.json"  # what the people have in common, so that their pictures can be drawn


def source(
    name: str, world: World, people: int, seed: int = 0, shares: dict[str, float] | None = None
) -> Source:
    """``people`` recordings, one a person; asking for more into the same folder adds people."""
    about = About(
        name=name,
        provenance=f"simulator of gestures, {len(world.labels)} classes, {world.seconds:g} s each, "
        f"seeds from {seed}; {NOTICE}",
        licence="Apache-2.0",
        simulated=True,
        extractors={"keypoints": Extractor(name="simulator", sha256="none")},
        rate=RATE,
    )
    videos = [Video(f"{name}-{seed + i:05d}", partial(_make, seed + i, world)) for i in range(people)]
    return Source(about, videos, partial(own_split, seed=seed, shares=shares))


def _make(seed: int, world: World) -> tuple[Recording, float, str]:
    return gesture_recording(seed, world), RATE, ""


def write(
    folder: Path,
    name: str,
    world: World,
    people: int,
    seed: int = 0,
    shares: dict[str, float] | None = None,
    progress: Callable[[str], None] = lambda id: None,
) -> Store:
    """The corpus in ``folder``, going on where an earlier call ended. UsageError where another world is."""
    folder.mkdir(parents=True, exist_ok=True)
    found = world_of(folder)
    if found is not None and found != world:
        raise UsageError(
            f"{folder}: expected people of one world, found those of another; choose another folder."
        )
    replace_with(folder / WORLD, json.dumps(asdict(world), indent=1) + "\n")
    return bring(source(name, world, people, seed, shares), folder, progress)


def world_of(folder: Path) -> World | None:
    """The world of a made-up corpus; None for any other. UsageError for a damaged note."""
    path = folder / WORLD
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text())
        return World(**{**raw, "labels": tuple(raw["labels"])})
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: expected the world of made-up people, found something else ({error}); make them again."
        ) from error


def seed_of(video: str) -> int:
    """The seed in a made-up video's id. UsageError for any other id."""
    number = video.rpartition("-")[2]
    if not number.isdecimal():
        raise UsageError(f"{video}: expected a made-up video such as made-00003, found another; name one.")
    return int(number)
