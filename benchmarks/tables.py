"""One function per question: its newest result as small tables, one number a cell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A question in words, the heads of its columns and its rows."""

    question: str
    columns: Row
    rows: list[Row]

    def lines(self) -> list[str]:
        """Markdown: the question in bold, then the table."""
        head = ["| " + " | ".join(self.columns) + " |", "|---" + "|---:" * (len(self.columns) - 1) + "|"]
        return [f"**{self.question}**", "", *head, *("| " + " | ".join(row) + " |" for row in self.rows), ""]


def keypoints(r: Result) -> list[Table]:
    rows = []
    for clip in r["clips"]:
        low, high = clip["ratio_range"]
        rows.append(
            (
                clip["name"],
                f"{clip['ours_ms']['p50']:.1f}",
                f"{clip['theirs_ms']['p50']:.1f}",
                f"{clip['ratio']:.2f}",
                f"{low:.2f}",
                f"{high:.2f}",
            )
        )
    peer = r["peer"].replace("mediapipe", "MediaPipe Holistic")
    columns = ("clip", "ours, ms p50", "theirs, ms p50", "ratio", "ratio, lowest", "ratio, highest")
    return [Table(f"Time per frame beside {peer}, same frames, points compared first", columns, rows)]


def pipeline(r: Result) -> list[Table]:
    whole = Table(
        f"Whole chain, unpaced, {r['mode']} mode, an estimate every {r['hop']} ticks, {r['frames']} frames",
        ("figure", "value"),
        [
            ("frames a second", f"{r['frames_per_s']:.0f}"),
            ("outside networks, decode and image warps, ms p50", f"{r['overhead_ms']['p50']:.2f}"),
            ("the same, ms p99", f"{r['overhead_ms']['p99']:.2f}"),
            ("resident memory, both processes, MB", f"{max(r['rss_mb']):.0f}"),
        ],
    )
    return [whole, Table("Where the time goes", *_stages(r["stages_ms"]))]


def _stages(stages: Mapping[str, Mapping[str, float]]) -> tuple[Row, list[Row]]:
    rows = [
        (name, f"{ms['p50']:.2f}", f"{ms['p99']:.2f}", f"{ms['n']}")
        for name, ms in stages.items()
        if name not in ("total", "other")
    ]
    return ("stage", "ms p50", "ms p99", "runs"), rows


def full_update(r: Result) -> list[Table]:
    threads = sorted(int(name.split("_")[2]) for name in r if name.startswith("update_ms_"))
    rows = [
        (what, *(f"{r[f'{key}_ms_{n}_threads']['p50']:.1f}" for n in threads))
        for what, key in (("all", "update"), ("keypoints", "keypoints"), ("image", "image"), ("text", "text"))
    ]
    question = f"One full-mode update of the demo, {r['poses']} poses and {r['features']} features, ms p50"
    return [Table(question, ("branch", *(f"{n} thread{'s' * (n > 1)}" for n in threads)), rows)]


def ring_update(r: Result) -> list[Table]:
    size, ms = r["sizes"], r["ms"]
    names = {
        "hop_1": "ring, hop 1",
        "hop_5": "ring, hop 5",
        "hop_25": "ring, hop 25",
        "hop_1_int8": "ring, hop 1, int8 products",
        "peer": r["peer"],
        "full_fp32": "full window, float32",
        "full_int8": "full window, int8 products",
    }
    times = [(what, f"{ms[key]['p50']:.1f}", f"{ms[key]['p99']:.1f}") for key, what in names.items()]
    ratios = [
        (what, f"{r[key]['median']:.1f}", f"{r[key]['low']:.1f}", f"{r[key]['high']:.1f}")
        for what, key in (("fastest full graph", "full_over_ring"), (r["peer"], "peer_over_ring"))
    ]
    question = (
        f"One update of all keypoints, {r['poses']} ticks, d = {size['dim']}, {size['layers']} layers, "
        f"{r['threads']} threads"
    )
    return [
        Table(question, ("what runs", "ms p50", "ms p99"), times),
        Table("How many times longer than a ring update at hop 1", ("", "median", "25 %", "75 %"), ratios),
    ]


def live_pace(r: Result) -> list[Table]:
    age = r["age_ms"]
    rows = [
        ("age of an estimate when published, ms p50", f"{age['p50']:.0f}"),
        ("the same, ms p99", f"{age['p99']:.0f}"),
        ("the same, ms at most", f"{age['max']:.0f}"),
        ("estimates", f"{age['n']}"),
        ("frames dropped", f"{sum(r['dropped'].values())}"),
        ("start to first message, s", f"{r['first_message_s']:.1f}"),
    ]
    question = f"Live pace, 25 frames a second, {r['mode']} mode, an estimate every {r['hop']} ticks"
    return [Table(question, ("figure", "value"), rows)]


def live_text(r: Result) -> list[Table]:
    rows = [
        (
            f"age of an estimate, ms {p}",
            f"{r['age_ms']['without'][p]:.0f}",
            f"{r['age_ms']['with'][p]:.0f}",
            f"{r['ratio'][p]:.2f}",
        )
        for p in ("p50", "p95")
    ]
    question = f"A labeller that answers after {r['answer_after_s']:.0f} s, {r['blocks']} alternating blocks"
    return [Table(question, ("figure", "without", "with", "ratio"), rows)]


def precision(r: Result) -> list[Table]:
    kinds = ("fp16", "int8")
    speed = [
        (name.replace("_", " "), *(f"{s[kind]['ratio']:.2f}" if kind in s else "–" for kind in kinds))
        for name, s in r["speed"].items()
    ]
    drift = []
    for mode, by_kind in r["drift"].items():
        for kind in kinds:
            off, change = by_kind[kind]["confidence"], by_kind[kind]["accuracy_change"]
            drift.append(
                (
                    f"{mode}, {kind}",
                    f"{off['mean']:.4f}",
                    f"{off['max']:.4f}",
                    *(f"{100 * change[key]:+.1f}" for key in ("value", "low", "high")),
                )
            )
    size = [(kind, f"{r['megabytes'][kind]:.1f}") for kind in ("fp32", *kinds)]
    return [
        Table("CPU time of reduced precision, float32 = 1", ("graph", *kinds), speed),
        Table(
            f"How far the confidence moves on {r['people']} made-up people, and accuracy in points",
            ("mode, precision", "mean", "most", "accuracy", "2.5 %", "97.5 %"),
            drift,
        ),
        Table("Graphs of the demo bundle", ("precision", "MB"), size),
    ]


def training_step(r: Result) -> list[Table]:
    steps = [
        (
            str(f["batch"]),
            f"{f['step_s']:.1f}",
            f"{f['step_cpu_s']:.1f}",
            str(f["peak_added_mb"]),
            str(f["unfused_scores_mb"]),
        )
        for f in r["full"]
    ]
    waiting = [
        (f"{name}, {run['workers']}", f"{100 * run['waiting']:.1f}")
        for name, each in r["feeding"].items()
        for run in each["runs"]
    ]
    sizes = f"{r['poses']} poses and {r['features']} features, {r['threads']} thread"
    return [
        Table(
            f"A training step at the paper's sizes, {sizes}",
            ("batch", "s", "s of CPU", "MB added", "MB that unfused attention would add"),
            steps,
        ),
        Table("Training time spent waiting for batches", ("corpus, workers", "%"), waiting),
    ]


def small_recipe(r: Result) -> list[Table]:
    def row(what: str, figures: Result) -> Row:
        value = figures["balanced_accuracy"]
        return (what, *_percents(value), f"{100 * figures['ceiling']:.1f}")

    accuracy = [
        row(f"{r['window_s']:.0f} s, {r['people']} people", r),
        row(f"{r['long']['window_s']:.0f} s, {r['long']['people']} people", r["long"]),
    ]
    cost = [
        ("minutes of CPU a seed, least", f"{min(r['cpu_minutes']):.0f}"),
        ("minutes of CPU a seed, most", f"{max(r['cpu_minutes']):.0f}"),
        ("share of the way from chance to the ceiling, %", f"{100 * r['share_of_the_way']['value']:.1f}"),
        ("calibration error (ECE)", f"{r['calibration_error']['value']:.3f}"),
    ]
    return [
        Table(
            f"`small` recipe on unseen made-up people, {r['seeds']} seeds, balanced accuracy in %",
            ("window", "value", "2.5 %", "97.5 %", "ceiling"),
            accuracy,
        ),
        Table("What it costs and how far it gets", ("figure", "value"), cost),
    ]


def ring_accuracy(r: Result) -> list[Table]:
    rows = []
    for at in r["watched"]:
        accuracy, apart = at["balanced_accuracy"], at["balanced_accuracy_ring_minus_full"]
        rows.append(
            (
                f"{at['seconds']:.0f}",
                f"{100 * accuracy['full']['value']:.1f}",
                f"{100 * accuracy['ring']['value']:.1f}",
                *(f"{100 * apart[key]:+.1f}" for key in ("value", "low", "high")),
            )
        )
    question = (
        f"Ring mode beside full mode, `small` recipe, {r['people']} unseen made-up people, "
        f"{r['seeds']} seeds, balanced accuracy in %, paired"
    )
    columns = ("seconds watched", "full", "ring", "difference", "2.5 %", "97.5 %")
    return [Table(question, columns, rows)]


def text_branch(r: Result) -> list[Table]:
    def mean(of: str) -> str:
        values = [run[of]["balanced_accuracy"] for run in r["runs"]]
        return f"{100 * sum(values) / len(values):.1f}"

    question = (
        f"Text branch of `tiny`, {r['texts']} made-up descriptions of {r['seconds']:.0f} s, "
        f"{r['unseen']} unseen, {len(r['runs'])} seeds, balanced accuracy in %"
    )
    rows = [("learnt", mean("learnt")), ("a reader who knows the wording", mean("ideal"))]
    return [Table(question, ("reader", "value"), rows)]


def _percents(figure: Mapping[str, float]) -> Row:
    return tuple(f"{100 * figure[key]:.1f}" for key in ("value", "low", "high"))


# In the order of RESULTS.md: (heading, question → its tables).
SECTIONS: dict[str, dict[str, Callable[[Result], list[Table]]]] = {
    "Speed of the live side": {
        "keypoints": keypoints,
        "pipeline": pipeline,
        "live_pace": live_pace,
        "ring_update": ring_update,
        "full_update": full_update,
        "live_text": live_text,
    },
    "Accuracy on made-up people": {
        "small_recipe": small_recipe,
        "ring_accuracy": ring_accuracy,
        "text_branch": text_branch,
    },
    "Precision and training": {"precision": precision, "training_step": training_step},
}
