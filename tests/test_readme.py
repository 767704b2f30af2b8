"""What the README prints works as printed."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def example(marker: str) -> str:
    """The one Python example of the README that holds ``marker``."""
    (found,) = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if marker in code]
    return found


@pytest.mark.usefixtures("holistic_files")
def test_the_loop_over_a_source_works_as_printed() -> None:
    code = example("from stream import watch")
    assert len([line for line in code.splitlines() if line.strip()]) <= 3
    code = (
        code.replace('"rtsp://camera/press"', '"demo"') + "    if message.win is not None:\n        break\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d{4}-\S+Z warming 0\.\d+", done.stdout.splitlines()[-1])


@pytest.mark.usefixtures("holistic_files")
def test_frames_of_one_s_own_work_as_printed() -> None:
    code = example("Analyzer(Bundle.demo())")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    images = "import cv2\nimages = [cv2.imread('tests/data/astronaut.png')[:, :, ::-1].copy()] * 30\n"
    done = subprocess.run(
        [sys.executable, "-c", images + code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"warming 0\.\d+\n", done.stdout)


@pytest.mark.usefixtures("holistic_files")
def test_the_plain_client_works_as_printed() -> None:
    client = example("zmq.Context")
    assert len([line for line in client.splitlines() if line.strip()]) <= 10
    watching = subprocess.Popen(
        [sys.executable, "-m", "stream", "watch", "pattern", "--for", "40"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    listening = subprocess.Popen([sys.executable, "-c", client], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(60, listening.kill)
    watchdog.start()
    try:
        assert listening.stdout is not None
        lines = [listening.stdout.readline() for _ in range(3)]
    finally:
        watchdog.cancel()
        for process in (listening, watching):
            process.terminate()
        listening.communicate(timeout=10)
        _, said = watching.communicate(timeout=20)
    assert all(re.fullmatch(r"\d{4}-\S+Z (warming|absent) None None\n", line) for line in lines), (
        lines,
        said,
    )


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`?make ([a-z][a-z-]*)", README))
    assert {"demo", "test", "test-quick", "check", "bench"} <= named
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert named <= targets


def test_the_table_is_what_the_results_say() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "report.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_folder_named_has_its_readme() -> None:
    for path in re.findall(r"\]\((\w+/README\.md)\)", README):
        assert (ROOT / path).is_file(), path


def test_it_stays_short() -> None:
    assert len(README.split()) <= 1300


def test_the_picture_is_small_and_there() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert 10_000 < (ROOT / picture).stat().st_size <= 1_500_000
