"""Writes tests/RESULTS-faults.md from the rows that the tests of faults leave, here and beside the packages.

    python tests/faults/table.py ROWS.jsonl

``make faults`` runs the tests and then this.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "RESULTS-faults.md"
HEAD = """# What happens when a source fails

Written by `make faults` (real servers on loopback; the demo bundle with a warm-up of one second). Recovery is
from the end of the fault to the next message about fresh frames (`ok`, or `degraded` while a person does not
fill half of what the window has seen, as in a run of a few seconds after an outage). States are the whole
run's, repetitions left out. In every row with states `seq` rose strictly, no `ok` was older than 2.5 s, and
nothing was a traceback. Rows without states are of tests that watch one part.
"""


def main() -> None:
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = [HEAD, "| fault | outcome | recovery, s | reconnects | states |", "|---|---|---:|---:|---|"]
    for row in sorted(rows, key=lambda row: (row["file"], row["fault"])):
        states = " → ".join(row.get("states", []))
        recovery, reconnects = row.get("recovery_s", "–"), row.get("reconnects")
        reconnects = "–" if reconnects is None else reconnects
        lines.append(f"| {row['fault']} | {row['outcome']} | {recovery} | {reconnects} | {states} |")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[2]:.1f}"
    lines += ["", f"Commit `{commit}`, Python {platform.python_version()}, {machine}."]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
