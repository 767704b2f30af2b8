"""``undertone watch`` as a process whose standard output stalls, closes or fails; refusals; signals."""

import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from stream.cli import watch
from stream.cli.options import OutputOptions, WatchOptions
from stream.errors import UsageError
from stream.publish.subscriber import Subscriber

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
DEMO = str(ROOT / "stream" / "assets" / "demo.mp4")
WATCH = [sys.executable, "-m", "stream", "watch", "--publish", "tcp://127.0.0.1:*"]
START_S = 60.0
LIMIT_S = 30.0  # for an end that takes a second or two
F_SETPIPE_SZ = 1031


@contextmanager
def started(*arguments: str, stdout: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running ``watch`` and its endpoint."""
    process = subprocess.Popen(
        [*WATCH, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stderr is not None
        endpoint = re.search(r"→ (\S+) ·", process.stderr.readline())
        assert endpoint is not None
        yield process, endpoint[1]
    finally:
        process.kill()
        process.communicate()


def receive(endpoint: str, count: int) -> list[int]:
    with Subscriber(endpoint) as subscriber:
        found = [subscriber.receive(START_S) for _ in range(count)]
    return [message[1].seq for message in found if message is not None]


@pytest.mark.usefixtures("holistic_files")
def test_a_full_pipe_neither_silences_the_publisher_nor_keeps_the_process(
    record: Callable[..., None],
) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, F_SETPIPE_SZ, 4096)  # a few messages
    with started("pattern", "--pace", "live", "--hop", "5", "--json", stdout=write) as (process, endpoint):
        os.close(write)
        seqs = receive(endpoint, 30)
        assert len(seqs) == 30
        assert seqs == sorted(set(seqs))
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
    assert re.search(r"undertone: \d+ lines were not printed", stderr)
    record("stalled stdout: full pipe", outcome="published on, lost lines counted, SIGTERM exit 0")
    os.close(read)


@pytest.mark.usefixtures("holistic_files")
def test_a_stopped_terminal_neither_silences_the_publisher_nor_keeps_the_process(
    record: Callable[..., None],
) -> None:
    leader, terminal = pty.openpty()
    with started("pattern", "--pace", "live", "--hop", "5", stdout=terminal) as (process, endpoint):
        termios.tcflow(terminal, termios.TCOOFF)  # as Ctrl-S does
        assert len(receive(endpoint, 30)) == 30
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
    os.close(leader)
    os.close(terminal)
    record("stalled stdout: Ctrl-S", outcome="published on, SIGINT exit 0")


@pytest.mark.usefixtures("holistic_files")
def test_a_stalled_reader_of_a_file_run_can_still_be_stopped() -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, F_SETPIPE_SZ, 4096)
    with started(DEMO, "--hop", "1", "--json", stdout=write) as (process, _):
        os.close(write)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=12)  # more than the outlet holds: the run waits for its reader
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
    os.close(read)


@pytest.mark.usefixtures("holistic_files")
def test_a_reader_that_leaves_ends_the_run_with_zero() -> None:
    with started("pattern", "--pace", "live", "--json", stdout=subprocess.PIPE) as (process, _):
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["v"] == 1
        process.stdout.close()
        assert process.wait(timeout=LIMIT_S) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.usefixtures("holistic_files")
@pytest.mark.parametrize("where", ["/dev/full", "closed"])
def test_an_output_that_fails_does_not_end_the_run(where: str, record: Callable[..., None]) -> None:
    output = ">&-" if where == "closed" else f">{where}"
    command = ["bash", "-c", f'"$@" {output}', "bash", *WATCH, "pattern", "--pace", "live", "--for", "3"]
    for more in ([], ["--json"]):
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=120, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        counted = re.search(r"\d+ lines were not printed \(No space left on device\)", done.stderr)
        assert (counted is not None) == (where == "/dev/full")
    record(f"stdout: {where}", outcome="runs on, exit 0")


@pytest.mark.usefixtures("holistic_files")
def test_a_narrow_terminal_reads_the_line_with_question_marks() -> None:
    done = subprocess.run(
        [*WATCH, "pattern", "--pace", "live", "--for", "2"],
        capture_output=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0
    assert b"window" in done.stdout
    assert (done.stdout + done.stderr).isascii()
    assert b"Traceback" not in done.stderr


def test_the_second_signal_does_what_it_always_does() -> None:
    stopped, released = list[bool](), list[bool]()

    class Fake:
        def stop(self) -> None:
            stopped.append(True)

        def release(self) -> None:
            released.append(True)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        watch._stop_on_signals(Fake(), Fake())  # type: ignore[arg-type]
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stopped == released == [True]
        assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_several_sources_get_a_sentence() -> None:
    with pytest.raises(
        UsageError, match=r"expected one source, found 2 \('a', 'b'\); start `undertone watch`"
    ):
        watch.run(WatchOptions(["a", "b"]))


@pytest.mark.parametrize("name", ["x.avi", "x", "x.mp4.mkv"])
def test_an_overlay_is_an_mp4(name: str) -> None:
    with pytest.raises(UsageError, match=r"--overlay .*: expected a name that ends in \.mp4, found"):
        watch.run(WatchOptions(["demo"], output=OutputOptions(overlay=Path(name))))
    assert not Path(name).exists()


def test_minutes_of_an_overlay_need_one() -> None:
    with pytest.raises(UsageError, match="--overlay-minutes: expected it beside --overlay, found it alone"):
        watch.run(WatchOptions(["demo"], output=OutputOptions(overlay_minutes=5.0)))


def test_a_camera_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.cli.sources.cameras", lambda *_: [])
    for text in ("0", "webcam"):
        with pytest.raises(UsageError, match="found no /dev/video device"):
            watch.run(WatchOptions([text]))
