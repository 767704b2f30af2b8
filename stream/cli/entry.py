"""How a command starts and ends: no traceback from its output, one sentence for every expected error.

``undertone``, ``undertone-export`` and ``undertone-training`` all start through ``run``.
"""

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from stream import __version__
from stream.cli.checks import extras
from stream.errors import UndertoneError


class OutputClosed(Exception):
    """The reader of standard output has gone, as ``head`` does after its lines."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class OutputError(UndertoneError):
    """Standard output takes nothing more."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(
            f"expected to write to standard output, found {reason.strerror}; "
            "make room or send the output elsewhere."
        )
        self.reason = reason


class Output(io.FileIO):
    """A standard stream that takes nothing more once a write to it failed.

    The first failure of standard output raises OutputClosed or OutputError; ``quiet``, for standard error,
    raises nothing: there is no place left to report to.
    """

    def __init__(self, descriptor: int, *, quiet: bool = False) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._quiet = quiet
        self._failed = False

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        if self._failed:
            return size  # the interpreter flushes once more at exit
        try:
            return super().write(data)
        except OSError as error:
            self._failed = True
            if self._quiet:
                return size
            raise (OutputClosed if isinstance(error, BrokenPipeError) else OutputError)(error) from error


def run(command: str, app: Callable[[], object]) -> None:
    """Run a Typer app. Every expected error is one sentence on standard error and exit code 1.

    A reader of standard output that has gone ends the command with exit code 0, Ctrl-C with 130.
    """
    open_standard_streams()
    try:
        app()
        sys.stdout.flush()
    except SystemExit as end:
        _leave(command, end)
    except OutputClosed:
        sys.exit(0)
    except UndertoneError as error:
        _fail(command, str(error))
    except ModuleNotFoundError as error:
        if (advice := extras.sentence(error.name or "")) is None:
            raise
        _fail(command, advice)
    except OSError as error:  # a file where a folder should be, a full disk, no permission
        where, why = error.filename or "a file", error.strerror or error
        _fail(command, f"{where}: expected to read or write it, found: {why}; correct the path or make room.")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def open_standard_streams() -> None:
    """Standard output and error that neither an encoding nor a full disk can turn into a traceback.

    A stream that was closed before the start becomes the null device, so that no other file gets its number.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    if sys.stdout is sys.__stdout__:  # otherwise somebody in this process collects what is printed
        sys.stdout = _text(sys.stdout, Output(1))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(sys.stderr, Output(2, quiet=True))


def version_option(command: str) -> Any:
    """``--version`` of a command, as Typer's annotation."""

    def show(asked: bool) -> None:
        if asked:
            typer.echo(f"{command} {__version__}")
            raise typer.Exit

    return typer.Option("--version", help="Print the version and exit.", callback=show, is_eager=True)


def _text(before: Any, raw: Output) -> io.TextIOWrapper:
    encoding = "utf-8" if before is None else before.encoding
    terminal = raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "replace", line_buffering=terminal or raw.fileno() == 2
    )


def _leave(command: str, end: SystemExit) -> NoReturn:
    """Flush what the app printed before it left; a reader that has gone is still no error."""
    try:
        sys.stdout.flush()
    except OutputClosed:
        sys.exit(0)
    except OutputError as error:
        _fail(command, str(error))
    raise end


def _fail(command: str, sentence: str) -> NoReturn:
    if not sentence.endswith((".", "?")):
        sentence += "."
    print(f"{command}: {sentence}", file=sys.stderr, flush=True)
    sys.exit(1)
