"""What the README prints works as printed."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.usefixtures("holistic_files")
def test_the_plain_client_works_as_printed() -> None:
    (client,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
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
    assert {"demo", "test", "check", "bench"} <= named
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
