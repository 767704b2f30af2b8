"""What does one full-mode update cost at the bundle's window lengths, by branch and by thread count?

python benchmarks/full_update.py [--bundle DIR] [--repeats 15]
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import record

from stream.branches.full_mode import FullMode
from stream.bundle.load import Bundle, demo_bundle


def timed(call: Callable[[], object], repeats: int) -> list[float]:
    call()
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        took.append((time.perf_counter() - started) * 1e3)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=demo_bundle())
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    bundle = Bundle.load(options.bundle)
    window = bundle.manifest.window
    figures: dict[str, object] = {
        "bundle": bundle.manifest.name,
        "poses": window.poses,
        "features": window.features,
    }
    for threads in (1, 2):
        mode = FullMode(bundle, threads=threads)
        figures[f"update_ms_{threads}_threads"] = record.percentiles(timed(mode.warm_up, options.repeats))
        for name, engine in mode.engines.items():
            figures[f"{name}_ms_{threads}_threads"] = record.percentiles(
                timed(engine.warm_up, options.repeats)
            )
    record.write("full_update", figures)


if __name__ == "__main__":
    main()
