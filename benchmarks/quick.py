"""Is this checkout as fast as another one? Speed, ring update, age and memory, in under three minutes.

    python benchmarks/quick.py                       this checkout alone
    python benchmarks/quick.py --against DIR         beside another checkout of the project, in turns

Everything is read from the messages of ``python -m stream watch demo``, so any checkout that speaks message
schema 1 can be compared. The confidences of both are compared before any figure counts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import record

from stream.publish.subscriber import Subscriber
from stream.publish.wire import Confidence, Event, Health

ENDPOINT = "tcp://127.0.0.1:5572"
LIVE_S = 22.0
CLIP_S = 40.0  # media seconds of the unpaced run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=1, help="alternating rounds")
    options = parser.parse_args()
    trees = {"this": record.ROOT}
    if options.against:
        trees["other"] = options.against.resolve()
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
    for number in range(options.rounds):
        order = list(trees) if number % 2 == 0 else list(reversed(trees))
        for name in order:
            runs[name].append({**unpaced(trees[name]), **live(trees[name])})
    wins = {name: found[0].pop("win") for name, found in runs.items()}
    for found in runs.values():
        for run in found:
            run.pop("win", None)
    figures: dict[str, Any] = {"rounds": options.rounds, "runs": runs}
    if options.against:
        shared = min(map(len, wins.values()))
        figures["largest_difference_in_win"] = max(
            abs(a - b) for a, b in zip(wins["this"][:shared], wins["other"][:shared], strict=True)
        )
        figures["this_over_other"] = {
            key: round(_median(runs["this"], key) / _median(runs["other"], key), 3)
            for key in runs["this"][0]
            if _median(runs["other"], key)
        }
    record.write("quick", figures)


def unpaced(tree: Path) -> dict[str, Any]:
    """The demo's first seconds as fast as they go, ring mode: frames a second and the stages' medians."""
    started = time.perf_counter()
    health: Health | None = None
    wins: list[float] = []
    with (
        _watching(tree, "--pace", "fast", "--json") as watching,
        Subscriber(ENDPOINT, topics=("health",)) as on,
    ):
        assert watching.stdout is not None
        for line in watching.stdout:
            message = json.loads(line)
            if message["win"] is not None:
                wins.append(message["win"])
            received = on.receive(0.0)
            if received is not None and isinstance(received[1], Health):
                health = received[1]
            if message["pts"] >= CLIP_S:
                break
        seconds = time.perf_counter() - started
        watching.terminate()
        watching.stdout.read()
    if health is None:
        sys.exit(f"{tree}: expected health messages on {ENDPOINT}, found none; is another stream running?")
    stages = {f"{name}_ms": health.stages_ms[name].p50 for name in ("observe", "estimate", "temporal")}
    return {"win": wins, "frames_per_s": round(CLIP_S * 25 / seconds, 1), **stages}


def live(tree: Path) -> dict[str, Any]:
    """The demo at live pace: how old a confidence is when published, what was dropped, memory."""
    ages: list[float] = []
    health: Health | None = None
    with (
        _watching(tree, "--pace", "live", "--for", str(LIVE_S)),
        Subscriber(ENDPOINT, topics=("confidence", "health", "event")) as on,
    ):
        give_up = time.monotonic() + LIVE_S + 20
        while time.monotonic() < give_up:
            received = on.receive(1.0)
            message = received[1] if received else None
            if isinstance(message, Confidence) and message.age_ms is not None and message.win is not None:
                ages.append(message.age_ms)
            elif isinstance(message, Health):
                health = message
            elif isinstance(message, Event) and message.event == "end":
                break
    if health is None or not ages:
        sys.exit(f"{tree}: expected confidences on {ENDPOINT}, found none; is another stream running?")
    return {
        "age_p50_ms": record.percentiles(ages)["p50"],
        "age_p99_ms": record.percentiles(ages)["p99"],
        "dropped": sum(health.dropped.values()),
        "rss_mb": health.rss_mb,
    }


def _watching(tree: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "stream", "watch", "demo", "--mode", "ring", "--publish", ENDPOINT]
    return subprocess.Popen(
        [*command, *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE if "--json" in options else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _median(runs: list[dict[str, Any]], key: str) -> float:
    return float(statistics.median(run[key] for run in runs))


if __name__ == "__main__":
    main()
