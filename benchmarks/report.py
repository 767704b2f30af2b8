"""Writes RESULTS.md, and README's six headline rows, from the newest result of each question.

python benchmarks/report.py           rewrite both
python benchmarks/report.py --check   fail if either is not what the results say
"""

import argparse
import sys
from typing import Any

import record
from tables import SECTIONS

README = record.ROOT / "README.md"
RESULTS = record.ROOT / "benchmarks" / "RESULTS.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PREFACE = """# Results

Written by `python benchmarks/report.py` from the newest line of each file in `results/`, which also holds the
versions and every other figure. Figures are comparable within one table; other machines give others. People,
films and descriptions are made up unless a table says otherwise: no accuracy here says anything about real
press conferences.
"""


def headline() -> list[tuple[str, str]]:
    """Six questions a newcomer asks, one number each."""
    keypoints, pipeline, live, ring, small = (
        _result(name) for name in ("keypoints", "pipeline", "live_pace", "ring_update", "small_recipe")
    )
    hands = next(clip for clip in keypoints["clips"] if clip["hands_seen"])
    return [
        ("age of a confidence when published, 25 fps live, median", f"{live['age_ms']['p50']:.0f} ms"),
        ("frames dropped in that run", f"{sum(live['dropped'].values())}"),
        ("frames a second, whole chain, as fast as it goes", f"{pipeline['frames_per_s']:.0f}"),
        ("keypoints with both hands, time beside MediaPipe Holistic's", f"{hands['ratio']:.2f}×"),
        ("full recompute beside one ring update, same size", f"{ring['full_over_ring']['median']:.0f}×"),
        (
            f"balanced accuracy on unseen made-up people, {small['window_s']:.0f} s watched",
            f"{100 * small['balanced_accuracy']['value']:.1f} %",
        ),
    ]


def _result(question: str) -> dict[str, Any]:
    found = record.newest(question)
    if found is None:
        sys.exit(f"results/{question}.jsonl: expected a result, found none; run benchmarks/{question}.py.")
    return found


def readme() -> str:
    """README with its headline rows replaced."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = "\n".join(f"| {what} | {figure} |" for what, figure in headline())
    return f"{before}{BEGIN}\n| on two CPU cores, no GPU | |\n|---|---:|\n{rows}\n{END}{after}"


def results() -> str:
    """RESULTS.md, whole."""
    lines = [PREFACE]
    for heading, questions in SECTIONS.items():
        lines += [f"## {heading}", ""]
        for question, tables in questions.items():
            result = record.newest(question)
            if result is None:
                continue
            lines += [line for table in tables(result) for line in table.lines()]
            machine = result["machine"]
            lines += [
                f"`{question}.jsonl`, commit `{result['commit']}`, {result['time'][:10]}, {machine['cpu']}, "
                f"{machine['cores']} cores.",
                "",
            ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    for path, text in ((README, readme()), (RESULTS, results())):
        if not check:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            sys.exit(
                f"{path.name}: expected what the results say, found other text; run benchmarks/report.py."
            )


if __name__ == "__main__":
    main()
