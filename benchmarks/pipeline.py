"""How many frames a second does the whole chain hold, unpaced, and where does the time go?

    python benchmarks/pipeline.py [SOURCE] [--mode auto|full|ring] [--hop N]

Runs the demo clip through capture, front end, window and estimates with ``--pace fast``, in the mode that
`watch` would choose and at its hop, and reports throughput, percentiles per stage, the parent's time per
frame outside network invocations, decode and image warps ("overhead"), and resident memory of parent and
decoder child together at each tenth.
"""

import argparse
import os
import time

import record

from stream.branches import modes
from stream.bundle.load import Bundle, demo_bundle
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.frontend.mediapipe import embedded
from stream.runtime.analyzer import Analyzer
from stream.runtime.telemetry import rss_mb

OUTSIDE = ("warp", "crop")  # image warps and resizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="demo")
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--hop", type=int)
    options = parser.parse_args()
    source = Source.parse(options.source)
    bundle = Bundle.load(demo_bundle())
    mode = modes.choose(bundle, options.mode)
    hop = options.hop or bundle.manifest.modes[mode].hop
    analyzer = Analyzer(bundle, embedded.from_cache(2), mode=mode)
    stages: dict[str, list[float]] = {}
    overhead: list[float] = []
    memory: list[float] = []
    frames = 0
    with Capture(source, pace="fast") as capture:
        capture.open()
        pids = [os.getpid(), capture.child_pid or 0]
        started = time.perf_counter()
        while not capture.ended:
            asked = time.perf_counter()
            frame = capture.next(1.0)
            if frame is None:
                continue
            stages.setdefault("wait for frame", []).append((time.perf_counter() - asked) * 1e3)
            frames += 1
            begun = time.perf_counter()
            observation = analyzer.observe(frame)
            took = (time.perf_counter() - begun) * 1e3
            if observation is None:
                continue
            timings = observation.timings_ms
            networks = timings["total"] - timings["other"] - timings["warp"]
            overhead.append(took - networks - sum(timings.get(name, 0.0) for name in OUTSIDE))
            for name, ms in {**timings, "observe": took}.items():
                stages.setdefault(name, []).append(ms)
            if (observation.tick + 1) % hop == 0:
                estimate = analyzer.estimate(observation.tick)
                for name, ms in estimate.timings_ms.items():
                    stages.setdefault(name, []).append(ms)
            if frames % 225 == 0:
                memory.append(round(rss_mb(pids), 1))
        seconds = time.perf_counter() - started
    record.write(
        "pipeline",
        {
            "source": source.name,
            "bundle": bundle.manifest.name,
            "mode": mode,
            "hop": hop,
            "frames": frames,
            "frames_per_s": round(frames / seconds, 2),
            "overhead_ms": record.percentiles(overhead),
            "stages_ms": {name: record.percentiles(values) for name, values in sorted(stages.items())},
            "rss_mb": memory,
        },
    )


if __name__ == "__main__":
    main()
