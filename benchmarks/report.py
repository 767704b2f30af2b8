"""Writes README's table of measured numbers from the newest result of each question.

python benchmarks/report.py           rewrite the table in README.md
python benchmarks/report.py --check   fail if README.md is not what the results say
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import record

README = record.ROOT / "README.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

Row = tuple[str, str]


def keypoints(r: dict[str, Any]) -> list[Row]:
    return [
        (
            f"Keypoints against MediaPipe Holistic 0.10.21, {clip['name']}",
            f"{clip['ratio']:.2f}× its time per frame",
        )
        for clip in r["clips"]
    ]


def pipeline(r: dict[str, Any]) -> list[Row]:
    overhead = r["overhead_ms"]
    return [
        (
            f"Whole chain, unpaced, {r['mode']} mode, an estimate every {r['hop']} ticks",
            f"{r['frames_per_s']:.0f} frames a second",
        ),
        (
            "Time per frame outside networks, decode and image warps",
            f"p50 {overhead['p50']:.2f} ms, p99 {overhead['p99']:.2f} ms ({overhead['n']} frames)",
        ),
        ("Resident memory, both processes", f"{max(r['rss_mb']):.0f} MB"),
    ]


def full_update(r: dict[str, Any]) -> list[Row]:
    return [
        (
            f"One full-mode update, {r['poses']} poses and {r['features']} features",
            f"{r['update_ms_1_threads']['p50']:.0f} ms on one thread, "
            f"{r['update_ms_2_threads']['p50']:.0f} ms on two",
        )
    ]


def live_pace(r: dict[str, Any]) -> list[Row]:
    age, dropped = r["age_ms"], r["dropped"]
    return [
        (
            f"Age of an estimate when published, live pace, {r['mode']} mode, every {r['hop']} ticks",
            f"p50 {age['p50']:.0f} ms, max {age['max']:.0f} ms ({age['n']} estimates)",
        ),
        (
            "Frames dropped in that run",
            ", ".join(f"{n} {cause}" for cause, n in dropped.items() if n) or "none",
        ),
        ("Start to first message", f"{r['first_message_s']:.1f} s"),
    ]


def live_text(r: dict[str, Any]) -> list[Row]:
    age, ratio = r["age_ms"], r["ratio"]
    return [
        (
            f"The same age with a labeller that answers after {r['answer_after_s']:.0f} s, "
            f"{r['blocks']} blocks with and without in turns",
            f"p50 {age['with']['p50']:.0f} ms against {age['without']['p50']:.0f} ms ({ratio['p50']:.2f}×), "
            f"p95 {age['with']['p95']:.0f} against {age['without']['p95']:.0f} ms ({ratio['p95']:.2f}×)",
        )
    ]


def training_step(r: dict[str, Any]) -> list[Row]:
    sizes = f"{r['poses']} poses and {r['features']} features"
    waiting = {
        run["workers"]: ", ".join(
            f"{100 * each['runs'][i]['waiting']:.1f} % from {name}" for name, each in r["feeding"].items()
        )
        for i, run in enumerate(r["feeding"]["memory"]["runs"])
    }
    rows = [
        (
            f"Training step of the paper's sizes, {sizes}, batch {f['batch']}, {r['threads']} thread(s)",
            f"{f['step_s']:.1f} s ({f['step_cpu_s']:.1f} s of CPU), {f['peak_added_mb']} MB; "
            f"scores that unfused attention would keep: {f['unfused_scores_mb']} MB more",
        )
        for f in r["full"]
    ]
    share = [(f"Training time spent waiting for batches, {n} workers", said) for n, said in waiting.items()]
    return rows + share


def precision(r: dict[str, Any]) -> list[Row]:
    rows = []
    for name in ("fp16", "int8"):
        gate, speed = r["gate"][name], r["speed"]
        times = ", ".join(
            f"{g.replace('_', ' ')} {s[name]['ratio']:.2f}×" for g, s in speed.items() if name in s
        )
        said = []
        for mode, drift in r["drift"].items():
            off = drift[name]["confidence"]
            change = {k: f"{100 * v:+.1f}" for k, v in drift[name]["accuracy_change"].items()}
            said.append(
                f"{mode} mode mean {off['mean']:.4f}, max {off['max']:.4f}, accuracy {change['value']} "
                f"[{change['low']}, {change['high']}] points"
            )
        rows.append(
            (
                f"{name} on a CPU, CPU time against fp32, and confidence off on {r['people']} made-up people",
                f"{times}; {'; '.join(said)}; gate {'passed' if gate['passed'] else 'failed'}; graphs of "
                f"{r['megabytes'][name]:.1f} of {r['megabytes']['fp32']:.1f} MB",
            )
        )
    return rows


def percent(figure: dict[str, float]) -> str:
    value, low, high = (f"{100 * figure[name]:.1f}" for name in ("value", "low", "high"))
    return f"{value} % [{low}, {high}]"


def ring_update(r: dict[str, Any]) -> list[Row]:
    ms, size = r["ms"], r["sizes"]

    def times(ratio: dict[str, float]) -> str:
        return f"{ratio['median']:.0f}× [{ratio['low']:.0f}, {ratio['high']:.0f}]"

    hops = ", ".join(f"hop {hop} {ms[f'hop_{hop}']['p50']:.1f} ms" for hop in (1, 5, 25))
    return [
        (
            f"One ring update of all keypoints, {r['poses']} ticks, d = {size['dim']}, {size['layers']} "
            f"layers, {r['threads']} threads",
            f"p50: {hops}; hop 1 with int8 products {ms['hop_1_int8']['p50']:.1f} ms; "
            f"{r['memory_mb']:.0f} MB of caches",
        ),
        (
            f"The fastest full graph of that depth and width ({r['fastest_full'].removeprefix('full_')}) "
            "against hop 1, middle half of the blocks",
            f"{times(r['full_over_ring'])} its time ({ms[r['fastest_full']]['p50']:.0f} ms)",
        ),
        (
            f"{r['peer']} of that depth and width against hop 1",
            f"{r['peer_over_ring']['median']:.1f}× [{r['peer_over_ring']['low']:.1f}, "
            f"{r['peer_over_ring']['high']:.1f}] its time",
        ),
    ]


def ring_accuracy(r: dict[str, Any]) -> list[Row]:
    def points(figure: dict[str, float]) -> str:
        value, low, high = (f"{100 * figure[name]:+.1f}" for name in ("value", "low", "high"))
        return f"{value} [{low}, {high}]"

    cells = [
        f"{row['seconds']:.0f} s {100 * row['balanced_accuracy']['ring']['value']:.1f} % "
        f"({points(row['balanced_accuracy_ring_minus_full'])})"
        for row in r["watched"]
    ]
    return [
        (
            f"Simulated: ring mode of the `small` recipe, {r['people']} unseen made-up people, {r['seeds']} "
            "seed(s), after so long watched",
            f"balanced accuracy (points against full, paired): {', '.join(cells)}",
        )
    ]


def small_recipe(r: dict[str, Any]) -> list[Row]:
    who = f"Simulated: `small` recipe, {r['people']} unseen made-up people"
    return [
        (
            f"{who}, {r['window_s']:.0f} s windows, {r['seeds']} seeds",
            f"balanced accuracy {percent(r['balanced_accuracy'])}, ceiling {100 * r['ceiling']:.1f} %: "
            f"{percent(r['share_of_the_way'])} of the way from chance; an ideal reader of these very people "
            f"{100 * r['same_people']['ideal']['value']:.1f} %: "
            f"{100 * r['same_people']['share_of_the_way']:.1f} %",
        ),
        (
            f"The same weights on {r['long']['window_s']:.0f} s windows, {r['long']['people']} people",
            f"balanced accuracy {percent(r['long']['balanced_accuracy'])}, "
            f"ceiling {100 * r['long']['ceiling']:.1f} %",
        ),
        (
            f"Training one seed of it, {r['threads']} thread(s)",
            f"{min(r['cpu_minutes']):.0f} to {max(r['cpu_minutes']):.0f} minutes of CPU, "
            f"{min(r['minutes']):.0f} to {max(r['minutes']):.0f} by the clock",
        ),
    ]


def text_branch(r: dict[str, Any]) -> list[Row]:
    def mean(of: Callable[[dict[str, Any]], float]) -> str:
        return f"{100 * sum(map(of, r['runs'])) / len(r['runs']):.1f} %"

    return [
        (
            f"Simulated: text branch of `tiny` on {r['texts']} made-up descriptions of {r['seconds']:.0f} s, "
            f"{r['unseen']} unseen, {len(r['runs'])} seed(s)",
            f"balanced accuracy {mean(lambda run: run['learnt']['balanced_accuracy'])}; who knows how they "
            f"were worded {mean(lambda run: run['ideal']['balanced_accuracy'])}",
        )
    ]


QUESTIONS: dict[str, Callable[[dict[str, Any]], list[Row]]] = {
    "keypoints": keypoints,
    "pipeline": pipeline,
    "full_update": full_update,
    "ring_update": ring_update,
    "live_pace": live_pace,
    "live_text": live_text,
    "precision": precision,
    "training_step": training_step,
    "small_recipe": small_recipe,
    "ring_accuracy": ring_accuracy,
    "text_branch": text_branch,
}


def table() -> str:
    lines = ["| question | measured | commit |", "|---|---|---|"]
    cpus = set()
    for question, rows in QUESTIONS.items():
        result = record.newest(question)
        if result is None:
            continue
        cpus.add(f"{result['machine']['cpu']}, {result['machine']['cores']} cores")
        lines += [f"| {what} | {figure} | `{result['commit']}` |" for what, figure in rows(result)]
    return "\n".join([*lines, "", f"Machine: {'; '.join(sorted(cpus))}. Written by `benchmarks/report.py`."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    written = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if parser.parse_args().check:
        sys.exit(
            None
            if written == text
            else "README.md: expected the table that the results give; run benchmarks/report.py"
        )
    README.write_text(written)


if __name__ == "__main__":
    main()
