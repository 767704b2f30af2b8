"""Sends every video to a labeller, several at once; answers are cached however the run ends."""

import fcntl
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from stream.describing.labellers.provider import Clip, Provider
from stream.describing.picture_only import muted
from stream.errors import (
    DescriptionDenied,
    DescriptionMalformed,
    DescriptionRefused,
    DescriptionRejected,
    DescriptionUnavailable,
    SourceError,
    UndertoneError,
    UsageError,
)
from training.labelling.budget import Budget, Stopped
from training.labelling.cache import NOTHING, Cache
from training.labelling.plan import Plan, Video

ANSWERS, UPLOADS, SPENT, WORK, LOCK = "answers", "uploads.json", "spent.json", ".muted", ".lock"
MAX_UNAVAILABLE = 3  # videos in a row for which the service is unavailable
MAX_REJECTED = 10  # videos rejected before any is accepted: then the cause is not the videos

Failure = DescriptionRefused | DescriptionMalformed | SourceError
Report = Callable[[Video, str | None, bool], None]  # video, why it has no answer, whether it is finished


@dataclass(slots=True, eq=False)
class Outcome:
    """The outcome of a run."""

    unavailable: dict[str, str] = field(default_factory=dict)  # reasons by id; nothing is cached for these
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
    report: Report = lambda video, reason, done: None,
) -> Outcome:
    """Request all missing answers. ``sends``: videos leave this machine, so they are sent without sound."""
    work = folder / WORK
    shutil.rmtree(work, ignore_errors=True)  # left by a killed run
    work.mkdir(parents=True)
    outcome, unavailable = Outcome(), 0
    answered, rejected = 0, 0
    usual, _ = plan.answer_tokens()
    ask = partial(_ask, plan, provider, cache, budget, work if sends else None, usual)
    try:
        with closing(_spread(plan, ask, budget, workers)) as done:
            for video, future in done:
                try:
                    failure = future.result()
                except Stopped:
                    continue
                except DescriptionUnavailable as error:
                    report(video, str(error), False)
                    outcome.unavailable[video.id] = str(error)
                    unavailable += 1
                    if unavailable == MAX_UNAVAILABLE:
                        _end(outcome, error, budget)
                except DescriptionDenied as error:  # reported once, at the end
                    _end(outcome, error, budget)
                else:
                    report(video, str(failure) if failure else None, True)
                    unavailable = 0
                    answered += failure is None
                    rejected += isinstance(failure, DescriptionRejected)
                    if not answered and rejected == MAX_REJECTED:
                        _end(outcome, _all_rejected(failure), budget)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return outcome


def _end(outcome: Outcome, error: UndertoneError, budget: Budget) -> None:
    """Record the error that ends a run; a denial takes precedence over a service that is unavailable."""
    if not isinstance(outcome.error, DescriptionDenied):
        outcome.error = error
    budget.stop()


def _all_rejected(last: object) -> DescriptionDenied:
    return DescriptionDenied(
        f"expected one of the first {MAX_REJECTED} videos to be accepted, found none "
        f"({str(last).rstrip('.')}); see what they have in common, --model and --fps too, then run the same "
        "command with --retry-failed."
    )


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock the folder. Raises UsageError if another run holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder to write to, found {error.strerror}; choose another --out."
        ) from None
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{folder}: expected a folder that no other run uses, found one that does; wait for its end."
            ) from None
        yield


def _spread(
    plan: Plan, ask: Callable[[Video], Failure | None], budget: Budget, workers: int
) -> Generator[tuple[Video, Future[Failure | None]], None, None]:
    """Videos with their results, in order of completion. The end, or an interrupt, waits for open
    requests."""
    waiting, open = deque(plan.waiting), dict[Future[Failure | None], Video]()
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
    plan: Plan, provider: Provider, cache: Cache, budget: Budget, work: Path | None, usual: int, video: Video
) -> Failure | None:
    """Request one answer and cache it, or the reason for its absence, with the cost of every request.

    ``usual``: tokens of an answer, if the service counts none.
    """
    before = video.cached.spent if video.cached else NOTHING
    with budget.reserved(video.tokens(plan.prompt, plan.sampling), usual):
        try:
            with _silent(video, work) as path:
                provider.describe(
                    Clip(path, video.key.video, video.seconds, video.id),
                    plan.prompt,
                    plan.sampling,
                    lambda reply: cache.put(video.key, video.id, reply, before + budget.spent_on_video),
                )
        except (DescriptionRefused, DescriptionMalformed, SourceError) as error:
            raw = getattr(error, "raw", None)
            cache.fail(video.key, video.id, str(error), raw, before + budget.spent_on_video)
            return error
    return None


@contextmanager
def _silent(video: Video, work: Path | None) -> Iterator[Path]:
    """The file to send: a copy without sound in a temporary folder, or the original if nothing is sent."""
    if work is None:
        yield video.path
        return
    with TemporaryDirectory(dir=work) as folder:
        yield muted(video.path, Path(folder))
