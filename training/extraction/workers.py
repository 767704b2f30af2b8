"""Jobs over worker processes that may die: one that does costs its job, which is named, and no other."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from stream.errors import UndertoneError

Job = TypeVar("Job")
Result = TypeVar("Result")
Say = Callable[[float], None]  # how far a job is
LEAVE_S = 5.0


class Failed(str):
    """Why a job has no result, one sentence."""

    __slots__ = ()


def spread(
    jobs: Iterable[Job],
    setup: Callable[[], Callable[[Job, Say], Result]],
    workers: int,
    said: Callable[[Job, float], None],
) -> Iterator[tuple[Job, Result | Failed]]:
    """Each job with its result, as they come. ``setup`` is called once in every process and gives the work.

    Jobs, results and ``setup`` are pickled. An UndertoneError of the work, or the end of its process, is a
    ``Failed``; another process takes over from one that ended.
    """
    waiting, idle = deque(jobs), deque[_Worker]()
    busy: dict[Connection, tuple[_Worker, Job]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker, job = idle.popleft() if idle else _Worker(setup), waiting.popleft()
                busy[worker.line] = worker, job
                worker.give(job)
            for line in wait(list(busy)):
                worker, job = busy[line]  # type: ignore[index]
                try:
                    word, value = worker.line.recv()
                except (EOFError, OSError):
                    del busy[worker.line]
                    yield job, Failed(worker.how_it_ended())
                    continue
                if word == "said":
                    said(job, value)
                    continue
                del busy[worker.line]
                idle.append(worker)
                yield job, value
    finally:
        for worker in (*idle, *(worker for worker, _ in busy.values())):
            worker.end()


class _Worker:
    """One process and the line to it."""

    def __init__(self, setup: Callable[[], Any]) -> None:
        context = multiprocessing.get_context("spawn")  # threads of the networks do not survive a fork
        self.line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, job: Any) -> None:
        with suppress(BrokenPipeError):  # it died idle: the next look at the line says so
            self.line.send(job)

    def how_it_ended(self) -> str:
        self.end()
        code = self._process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"the process that worked on it ended by {how}; try it again or leave it out"

    def end(self) -> None:
        self.line.close()
        self._process.join(0.1)
        if self._process.is_alive():
            self._process.terminate()
        self._process.join(LEAVE_S)


def _serve(line: Connection, setup: Callable[[], Callable[[Any, Say], Any]]) -> None:
    """Work until the line is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's business
    work = None
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job = line.recv()
            try:
                work = work or setup()
                result = work(job, lambda far: line.send(("said", far)))
            except UndertoneError as error:
                result = Failed(error)
            line.send(("done", result))
