"""Every video to a labeller, several at once; what is answered stays answered, however the run ends."""

import fcntl
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from stream.describing.mute import muted
from stream.describing.provider import Clip, Provider
from stream.errors import (
    DescriptionDenied,
    DescriptionMalformed,
    DescriptionRefused,
    DescriptionUnavailable,
    SourceError,
    UndertoneError,
    UsageError,
)
from training.labelling.budget import Budget, Stopped
from training.labelling.cache import Cache
from training.labelling.plan import Plan, Video

ANSWERS, UPLOADS, WORK, LOCK = "answers", "uploads.json", ".muted", ".lock"
MOST_IN_VAIN = 3  # videos in a row for which the service was not to be had

Say = Callable[[Video, str | None], None]  # a video is done; why it has no answer


@dataclass(slots=True, eq=False)
class Outcome:
    """How a run ended."""

    unavailable: list[str] = field(default_factory=list)  # ids: asked in vain, nothing kept
    error: UndertoneError | None = None  # what ended it early


def run(
    plan: Plan,
    provider: Provider,
    cache: Cache,
    budget: Budget,
    folder: Path,
    *,
    sends: bool,
    workers: int = 4,
    say: Say = lambda video, reason: None,
) -> Outcome:
    """Ask about all that waits. ``sends``: the video leaves this machine, so only its pictures are given."""
    work = folder / WORK
    shutil.rmtree(work, ignore_errors=True)  # of a run that was killed
    work.mkdir(parents=True)
    outcome, in_vain = Outcome(), 0
    ask = partial(_ask, plan, provider, cache, budget, work if sends else None)
    try:
        with closing(_spread(plan, ask, budget, workers)) as done:
            for video, future in done:
                try:
                    say(video, future.result())
                    in_vain = 0
                except Stopped:
                    continue
                except DescriptionUnavailable as error:
                    say(video, str(error))
                    outcome.unavailable.append(video.id)
                    in_vain += 1
                    if in_vain == MOST_IN_VAIN:
                        outcome.error = error
                        budget.stop()
                except DescriptionDenied as error:
                    say(video, str(error))  # which one: it may be too long for the model
                    outcome.error = error
                    budget.stop()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return outcome


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """UsageError where another run is at work in the same folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder, or room for one, found {error.strerror}; choose another --out."
        ) from None
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{folder}: expected nobody else at work here, found another run; wait for its end."
            ) from None
        yield


def _spread(
    plan: Plan, ask: Callable[[Video], str | None], budget: Budget, workers: int
) -> Iterator[tuple[Video, Future[str | None]]]:
    """Videos with what came of them, as they come. The end, or an interrupt, waits for answers under way."""
    waiting, open = deque(plan.waiting), dict[Future[str | None], Video]()
    with ThreadPoolExecutor(workers, "label") as pool:
        try:
            while open or (waiting and not budget.stopping):
                while waiting and len(open) < workers and not budget.stopping:
                    video = waiting.popleft()
                    open[pool.submit(ask, video)] = video
                for future in wait(open, return_when=FIRST_COMPLETED).done:
                    yield open.pop(future), future
        finally:
            budget.stop()


def _ask(
    plan: Plan, provider: Provider, cache: Cache, budget: Budget, work: Path | None, video: Video
) -> str | None:
    """Ask about one video and keep what was said; returns why there is no answer."""
    try:
        with budget.reserved(video.tokens(plan.prompt, plan.sampling)), _silent(video, work) as path:
            provider.describe(
                Clip(path, video.key.video, video.seconds, video.id),
                plan.prompt,
                plan.sampling,
                lambda reply: cache.put(video.key, video.id, reply),
            )
    except (DescriptionRefused, DescriptionMalformed, SourceError) as error:
        cache.fail(video.key, video.id, str(error), getattr(error, "raw", None))
        return str(error)
    return None


@contextmanager
def _silent(video: Video, work: Path | None) -> Iterator[Path]:
    """The file to give away: without sound, in a folder of its own as long as it is needed."""
    if work is None:
        yield video.path
        return
    with TemporaryDirectory(dir=work) as folder:
        yield muted(video.path, Path(folder))
