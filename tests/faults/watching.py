"""``undertone watch`` as a process of its own, and what it published, with the moment it came."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from stream.publish.subscriber import Subscriber

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "stream" / "assets" / "demo"
STALE_S = 2.5  # an ``ok`` must not be older: the documented 2 s, and half a second of a busy machine


@dataclass(frozen=True, slots=True)
class Seen:
    """A message and when it arrived (monotonic seconds)."""

    at: float
    message: dict[str, Any]


def quick_bundle(folder: Path) -> Path:
    """The demo bundle with a warm-up of one second, so that a test need not wait for `ok`."""
    bundle = folder / "quick"
    shutil.copytree(DEMO, bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["warmup_s"] = 1.0
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return bundle


class Watch:
    """A running stream; a context manager that ends it."""

    def __init__(self, source: str, bundle: Path, folder: Path, *options: str) -> None:
        self.endpoint = f"ipc://{folder}/feed"
        self._errors = folder / "stderr.txt"
        command = [sys.executable, "-m", "stream", "watch", source, "--bundle", str(bundle), "--json"]
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*command, "--pace", "live", "--publish", self.endpoint, *options],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self.began = time.monotonic()
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._others: list[Seen] = []
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._subscribe, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send_once_handled(self, which: signal.Signals) -> None:
        """Send a signal as soon as the process has a handler of its own for it: imports come before."""
        status, deadline = Path(f"/proc/{self.process.pid}/status"), time.monotonic() + 60
        while time.monotonic() < deadline:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            if int(lines["SigCgt"], 16) >> (which - 1) & 1:
                self.process.send_signal(which)
                return
            time.sleep(0.05)
        raise AssertionError(f"no handler for {which.name} within a minute: {self.stderr}")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._lock:
                self._seen.append(Seen(time.monotonic(), json.loads(line)))

    def _subscribe(self) -> None:
        with Subscriber(self.endpoint, topics=("health", "event")) as subscriber:
            while not self._closing.is_set():
                received = subscriber.receive(0.2)
                if received is not None:
                    topic, message = received
                    fields = {name: getattr(message, name) for name in message.__struct_fields__}
                    with self._lock:
                        self._others.append(Seen(time.monotonic(), {"topic": topic, **fields}))

    @property
    def confidences(self) -> list[Seen]:
        with self._lock:
            return list(self._seen)

    @property
    def events(self) -> list[Seen]:
        with self._lock:
            return [seen for seen in self._others if seen.message["topic"] == "event"]

    @property
    def health(self) -> dict[str, Any]:
        """The newest health message."""
        with self._lock:
            found = [seen.message for seen in self._others if seen.message["topic"] == "health"]
        return found[-1] if found else {}

    @property
    def stderr(self) -> str:
        return self._errors.read_text(errors="replace")

    def wait_for(self, state: str, within: float, *, since: float | None = None) -> float:
        """Seconds from ``since`` (default: now) to the first confidence with ``state`` after it.

        "ok or degraded": either of them, where a busy machine may lack half of the frames.
        """
        since = time.monotonic() if since is None else since
        give_up = time.monotonic() + within
        while time.monotonic() < give_up:
            for seen in self.confidences:
                if seen.at >= since and seen.message["state"] in state.split(" or "):
                    return seen.at - since
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        seen_since = [s.message for s in self.confidences if s.at >= since]
        states = [message["state"] for message in seen_since]
        why = seen_since[-1].get("reason") if seen_since else None
        raise AssertionError(
            f"expected {state} within {within} s, found {states[-5:]} ({why}) "
            f"(exit code {self.process.poll()}; {self.stderr.strip()[-400:]})"
        )

    def wait_for_reconnect(self, within: float) -> None:
        """Health, which comes once a second, counts one."""
        give_up = time.monotonic() + within
        while self.health.get("reconnects", 0) < 1:
            assert time.monotonic() < give_up, f"expected a reconnect in health, found {self.health}"
            time.sleep(0.05)

    def wait_for_end(self, within: float) -> int:
        """The exit code."""
        return self.process.wait(within)

    def states(self, since: float = 0.0) -> list[str]:
        """The sequence of states, repetitions left out."""
        found: list[str] = []
        for seen in self.confidences:
            if seen.at >= since and (not found or found[-1] != seen.message["state"]):
                found.append(seen.message["state"])
        return found

    def check(self) -> None:
        """What must hold whatever happened: seq rises, no stale ``ok``, no traceback."""
        numbers = [seen.message["seq"] for seen in self.confidences]
        assert all(b > a for a, b in itertools.pairwise(numbers)), "seq must rise"
        late = [
            seen.message
            for seen in self.confidences
            if seen.message["state"] == "ok" and (seen.message["age_ms"] or 0.0) > 1e3 * STALE_S
        ]
        assert not late, f"a stale ok: {late[0]}"
        assert "Traceback" not in self.stderr, self.stderr[-2000:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self._closing.set()
        for thread in self._threads:
            thread.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
