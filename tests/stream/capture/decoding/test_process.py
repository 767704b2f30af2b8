"""The decoder as a process: it can die, hang or be orphaned, and nothing hangs or stays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import stream
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.errors import SourceError, SourceTimeout

ROOT = str(Path(stream.__file__).parents[1])


def drain(capture: Capture) -> None:
    while not capture.ended:
        capture.next(0.5)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


@pytest.mark.parametrize("pace", ["live", "fast"])
def test_a_killed_decoder_is_an_error_not_a_hang(pace: str) -> None:
    with Capture(Source.parse("pattern"), pace=pace) as capture:  # type: ignore[arg-type]
        capture.open()
        assert capture.child_pid is not None
        os.kill(capture.child_pid, signal.SIGKILL)
        began = time.monotonic()
        with pytest.raises(SourceError, match="ended by signal 9"):
            drain(capture)
        assert time.monotonic() - began < 3.0
        with pytest.raises(SourceError, match="ended by signal 9"):
            capture.next(0.1)


def test_an_orderly_end_is_never_taken_for_a_crash(clip: Path) -> None:
    """The last frames, the last message and the end of the process race each other to the reader."""
    for _ in range(15):
        with Capture(Source.parse(str(clip)), pace="fast") as capture:
            capture.open()
            drain(capture)
            assert capture.counters["taken"] == 30


def test_a_stuck_decoder_is_killed_in_time() -> None:
    with Capture(Source.parse("pattern"), pace="live", read_timeout_s=0.5) as capture:
        capture.open()
        pid = capture.child_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(SourceTimeout, match=r"gave no picture for 0\.5 s"):
            drain(capture)
        assert time.monotonic() - began < 4.0
        assert not alive(pid)
        with pytest.raises(SourceTimeout):
            capture.next(0.1)


def test_closing_a_stuck_decoder_takes_bounded_time() -> None:
    capture = Capture(Source.parse("pattern"), pace="live")
    capture.open()
    pid = capture.child_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    capture.close()
    assert time.monotonic() - began < 2.5
    assert not alive(pid)
    assert capture.child_pid is None
    assert capture.counters["decoded"] >= 1  # still readable


def test_closing_leaves_nothing_behind() -> None:
    def held() -> tuple[set[str], int]:
        return set(os.listdir("/dev/shm")), len(os.listdir("/proc/self/fd"))

    before = held()
    for pace in ("live", "fast"):
        with Capture(Source.parse("pattern"), pace=pace) as capture:  # type: ignore[arg-type]
            capture.open()
            pid = capture.child_pid
            assert pid is not None
            for _ in range(8):
                assert capture.next(1.0) is not None
            began = time.monotonic()
        assert time.monotonic() - began < 1.0
        assert not alive(pid)
    after = held()
    assert after[1] == before[1]
    assert not {name for name in after[0] - before[0] if "undertone" in name}


def test_the_decoder_leaves_when_its_parent_is_killed() -> None:
    script = (
        f"import sys, time; sys.path.insert(0, {ROOT!r})\n"
        "from stream.capture.capture import Capture\n"
        "from stream.capture.source import Source\n"
        "capture = Capture(Source.parse('pattern'), pace=sys.argv[1])\n"
        "capture.open(); print(capture.child_pid, flush=True); time.sleep(60)\n"
    )
    for pace in ("live", "fast"):  # fast: the child waits for a parent that will never come
        parent = subprocess.Popen([sys.executable, "-c", script, pace], stdout=subprocess.PIPE, text=True)
        with parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            parent.kill()
        assert gone_within(pid, 3.0)


def test_a_whole_run_prints_nothing_and_the_parent_never_loads_libav(clip: Path) -> None:
    """Also as a script without a main guard, and with a capture that nobody closed."""
    script = (
        f"import sys; sys.path.insert(0, {ROOT!r})\n"
        "from stream.capture.capture import Capture\n"
        "from stream.capture.source import Source\n"
        "with Capture(Source.parse(sys.argv[1]), pace='fast') as capture:\n"
        "    capture.open()\n"
        "    while not capture.ended: capture.next(1.0)\n"
        "    assert capture.counters['taken'] == 30\n"
        "forgotten = Capture(Source.parse('pattern'), pace='live'); forgotten.open(); forgotten.next(1.0)\n"
        "assert 'av' not in sys.modules\n"
    )
    path = clip.parent / "script.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, str(path), str(clip)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_ctrl_c_reaches_the_parent_only() -> None:
    with Capture(Source.parse("pattern"), pace="live") as capture:
        capture.open()
        assert capture.child_pid is not None
        assert os.getpgid(capture.child_pid) != os.getpgid(0)


def test_the_command_line_of_the_decoder_tells_no_address(clip: Path) -> None:
    with Capture(Source.parse(str(clip)), pace="live") as capture:
        capture.open()
        assert clip.name not in Path(f"/proc/{capture.child_pid}/cmdline").read_text()


def test_a_decoder_that_cannot_start_is_one_sentence(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.capture.decoder_link._BOOT", "raise SystemExit(3)")
    with (
        pytest.raises(SourceError, match="ended by exit code 3"),
        Capture(Source.parse(str(clip)), pace="fast") as capture,
    ):
        capture.open()


def test_the_decoder_s_environment_holds_no_secret(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It handles what strangers send."""
    monkeypatch.setenv("GOOGLE_API_KEY", "S3cret")
    monkeypatch.setenv("UNDERTONE_SOURCE", "rtsp://u:S3cret@h/")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    with Capture(Source.parse(str(clip)), pace="fast") as capture:
        capture.open()
        environment = Path(f"/proc/{capture.child_pid}/environ").read_bytes()
    assert b"S3cret" not in environment
    assert b"https_proxy=http://127.0.0.1:3128" in environment, "what it needs to reach its source stays"
