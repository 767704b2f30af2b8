"""Does a labeller that takes 20 s to answer make confidences or frames older?

    python benchmarks/live_text.py [--blocks N] [--seconds S] [--delay S]

Blocks of ``undertone watch demo --pace live`` without and with ``--describe gemini`` take turns in one run
(without, with, with, without, …), so that what else the machine does falls on both alike. The labeller is the
real client against the tests' stand-in of the service on loopback.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

import record

from stream.publish.subscriber import Subscriber
from stream.publish.wire import Confidence, Event, Health

sys.path.insert(0, str(record.ROOT / "tests"))
from gemini_server import GeminiServer

ENDPOINT = "tcp://127.0.0.1:5572"
HOP = 25  # the same in every block, whatever the machine is busy with when one starts
EVERY_S = 10.0
SETTLED_S = 5.0  # of each block are left out: the networks' first calls


@dataclass(slots=True)
class Seen:
    """What the blocks of one kind published."""

    ages_ms: list[float] = field(default_factory=list)
    observe_ms: list[float] = field(default_factory=list)  # p99 of each block
    lost: int = 0
    with_text: int = 0
    rss_mb: list[float] = field(default_factory=list)
    answered: int = 0


def block(seen: Seen, seconds: float, *options: str) -> None:
    """One run of ``seconds``; what it says is added to ``seen``."""
    command = [sys.executable, "-m", "stream", "watch", "demo", "--pace", "live", "--hop", str(HOP)]
    watching = subprocess.Popen(
        [*command, "--publish", ENDPOINT, "--for", str(seconds), *options],
        stdout=subprocess.DEVNULL,
    )
    last: Health | None = None
    pts = None
    begun = time.monotonic()
    try:
        with Subscriber(ENDPOINT, topics=("confidence", "health", "event")) as subscriber:
            while time.monotonic() < begun + seconds + 60:
                received = subscriber.receive(5.0)
                if received is None and watching.poll() is not None:
                    break
                message = received[1] if received else None
                if isinstance(message, Confidence) and message.pts != pts and message.age_ms is not None:
                    pts = message.pts
                    if pts is not None and pts > SETTLED_S:
                        seen.ages_ms.append(message.age_ms)
                        seen.with_text += message.text_age_s is not None
                elif isinstance(message, Health):
                    last = message
                elif isinstance(message, Event) and message.event == "end":
                    break
    finally:
        watching.terminate()
        watching.wait(20)
    if last is None:
        sys.exit("live_text: expected health from `undertone watch demo`, found none; see above.")
    seen.observe_ms.append(last.stages_ms["observe"].p99)
    seen.lost += sum(last.dropped.values())
    seen.rss_mb.append(last.rss_mb)
    if last.describing is not None:
        seen.answered += last.describing.answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=8, help="half of them with a labeller")
    parser.add_argument("--seconds", type=float, default=85.0, help="of one block")
    parser.add_argument("--delay", type=float, default=20.0, help="seconds that an answer takes")
    options = parser.parse_args()
    without, asked = Seen(), Seen()
    with GeminiServer(delay_s=options.delay) as server:
        os.environ.update(GOOGLE_API_KEY=server.key, UNDERTONE_GEMINI_URL=server.url)
        for number in range(options.blocks):
            if number % 4 in (1, 2):
                block(asked, options.seconds, "--describe", "gemini", "--every", str(EVERY_S))
            else:
                block(without, options.seconds)
            print(f"block {number + 1} of {options.blocks}", file=sys.stderr)
        questions = len(server.of("generate"))
    ages = {name: record.percentiles(seen.ages_ms) for name, seen in (("without", without), ("with", asked))}
    record.write(
        "live_text",
        {
            "source": "demo",
            "hop": HOP,
            "blocks": options.blocks,
            "block_s": options.seconds,
            "answer_after_s": options.delay,
            "every_s": EVERY_S,
            "age_ms": ages,
            "ratio": {p: round(ages["with"][p] / ages["without"][p], 3) for p in ("p50", "p95")},
            "observe_ms_p99": {"without": without.observe_ms, "with": asked.observe_ms},
            "dropped": {"without": without.lost, "with": asked.lost},
            "questions": questions,
            "answered": asked.answered,
            "estimates_with_text": asked.with_text,
            "rss_mb": {"without": without.rss_mb, "with": asked.rss_mb},
        },
    )


if __name__ == "__main__":
    main()
