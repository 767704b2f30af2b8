"""At live pace, how old is a confidence when it is published, and what is dropped?

    python benchmarks/live_pace.py [SOURCE] [--for SECONDS]

Starts ``undertone watch SOURCE --pace live`` as a user does and subscribes to it from this process.
"""

import argparse
import itertools
import subprocess
import sys
import time

import record

from stream.bundle.load import demo_bundle, load
from stream.publish.subscriber import Subscriber
from stream.publish.wire import Confidence, Event, Health

ENDPOINT = "tcp://127.0.0.1:5571"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="demo")
    parser.add_argument("--for", dest="seconds", type=float, default=120.0)
    options = parser.parse_args()
    confidences: list[tuple[float, Confidence]] = []
    health: list[Health] = []
    command = [
        sys.executable,
        "-m",
        "stream",
        "watch",
        options.source,
        "--pace",
        "live",
        "--publish",
        ENDPOINT,
    ]
    started = time.monotonic()
    watching = subprocess.Popen(
        [*command, "--for", str(options.seconds)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with Subscriber(ENDPOINT, topics=("confidence", "health", "event")) as subscriber:
            while time.monotonic() < started + options.seconds + 30:
                received = subscriber.receive(5.0)
                if received is None and watching.poll() is not None:
                    break
                message = received[1] if received else None
                if isinstance(message, Confidence):
                    confidences.append((time.monotonic() - started, message))
                elif isinstance(message, Health):
                    health.append(message)
                elif isinstance(message, Event) and message.event == "end":
                    break
    finally:
        watching.terminate()
        watching.wait(10)
    fresh = [
        m for (_, m), (_, before) in zip(confidences[1:], confidences, strict=False) if m.pts != before.pts
    ]
    ages = [m.age_ms for m in fresh if m.age_ms is not None]
    third = len(ages) // 3
    last = health[-1]
    record.write(
        "live_pace",
        {
            "source": options.source,
            "bundle": load(demo_bundle()).manifest.name,
            "first_message_s": round(confidences[0][0], 2),
            "age_ms": record.percentiles(ages),
            "age_ms_first_third_p50": record.percentiles(ages[:third])["p50"],
            "age_ms_last_third_p50": record.percentiles(ages[-third:])["p50"],
            "longest_silence_s": round(max(b - a for (a, _), (b, _) in itertools.pairwise(confidences)), 2),
            "estimates": len(fresh),
            "mode": last.mode,
            "hop": last.hop,
            "fps_observed": last.fps_observed,
            "dropped": last.dropped,
            "rss_mb": [m.rss_mb for m in health[:: max(1, len(health) // 10)]],
            "stages_ms": {name: {"p50": t.p50, "p99": t.p99} for name, t in last.stages_ms.items()},
        },
    )


if __name__ == "__main__":
    main()
