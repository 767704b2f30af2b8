"""Distributes jobs over worker processes; a process that dies loses only its own job, which is reported."""

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
Report = Callable[[float], None]  # called with the progress of a job
EXIT_TIMEOUT_S = 5.0


class Failed(str):
    """The reason why a job has no result, one sentence."""

    __slots__ = ()


def spread(
    jobs: Iterable[Job],
    setup: Callable[[], Callable[[Job, Report], Result]],
    workers: int,
    report: Callable[[Job, float], None],
) -> Iterator[tuple[Job, Result | Failed]]:
    """Each job with its result, in order of completion. ``setup`` runs once per process and returns the work.

    Jobs, results and ``setup`` are pickled. An UndertoneError of the work, or the end of its process, gives a
    ``Failed``; a process that ended is replaced.
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
                    kind, value = worker.line.recv()
                except (EOFError, OSError):
                    del busy[worker.line]
                    yield job, Failed(worker.exit_reason())
                    continue
                if kind == "progress":
                    report(job, value)
                    continue
                del busy[worker.line]
                idle.append(worker)
                yield job, value
    finally:
        for worker in (*idle, *(worker for worker, _ in busy.values())):
            worker.end()


class _Worker:
    """One process and the connection to it."""

    def __init__(self, setup: Callable[[], Any]) -> None:
        context = multiprocessing.get_context("spawn")  # threads of the networks do not survive a fork
        self.line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, job: Any) -> None:
        with suppress(BrokenPipeError):  # it died while idle, which the next receive reports
            self.line.send(job)

    def exit_reason(self) -> str:
        self.end()
        code = self._process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"the process that worked on it ended by {how}; try it again or leave it out"

    def end(self) -> None:
        self.line.close()
        self._process.join(0.1)
        if self._process.is_alive():
            self._process.terminate()
        self._process.join(EXIT_TIMEOUT_S)


def _serve(line: Connection, setup: Callable[[], Callable[[Any, Report], Any]]) -> None:
    """Work until the connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
    work = None
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job = line.recv()
            try:
                work = work or setup()
                result = work(job, lambda done: line.send(("progress", done)))
            except UndertoneError as error:
                result = Failed(error)
            line.send(("done", result))
