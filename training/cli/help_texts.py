"""Help of the options in ``training.cli.options``; see ``stream.cli.parameters``."""

from stream.branches.options import ImageOptions
from stream.cli.parameters import HELP as LIVE
from stream.cli.parameters import Help
from stream.frontend.options import FrontEndOptions
from training.cli.options import (
    AskingOptions,
    EvaluateOptions,
    ExtractOptions,
    JudgingOptions,
    LabelOptions,
    PeopleOptions,
    SpendingOptions,
)

LABELS = "A labeller's folder, its labels.jsonl or audit.csv; corrections count."

SET = "A value in place of the recipe's: section.key=value, such as pretrain.steps=100. May be repeated."

_TITLE, _FRONT_END = LIVE[FrontEndOptions]
_IMAGE = {"help": "An exported encoder (ONNX with its card) in place of --encoder."}

HELP: Help = {
    ExtractOptions: (
        None,
        {
            "videos": {"argument": "VIDEOS", "help": "Folder of videos."},
            "labels": {"help": "CSV: id, subject, label and perhaps text."},
            "out": {"help": "Directory of the corpus."},
            "workers": {"min": 1, "help": "Processes. Default: half the cores."},
            "encoder": {
                "help": "Portrait encoder for image features: a folder, or a hub name of DINOv2 weights."
            },
            "frames": {"min": 0, "help": "Portraits of each video to keep."},
            "partial": {"help": "Some labelled videos are not there."},
            "licence": {"help": "Of the videos."},
            "seed": {"min": 0, "help": "Of our own split by subject."},
            "imigue": {"help": "Videos of iMiGUE, named 0001.mp4 and so on: its published splits."},
        },
    ),
    FrontEndOptions: (_TITLE, {**_FRONT_END, "image": _IMAGE}),
    ImageOptions: LIVE[ImageOptions],
    LabelOptions: (
        None,
        {
            "videos": {
                "argument": "VIDEOS",
                "help": "Folder of videos; the id is the name without suffix.",
            },
            "out": {"help": "Directory of answers, labels.jsonl and audit.csv."},
            "retry_failed": {"help": "Ask again about videos without an answer."},
            "dry_run": {"help": "Print requests and tokens; send nothing."},
            "yes": {"help": "Do not ask before videos are sent."},
        },
    ),
    AskingOptions: (
        "Question and answer",
        {
            "prompt": {"help": "plain, cot_reflection, one of their versions, or an .md file."},
            "rules": {"help": "Other prior rules, TOML of rule and reason."},
            "provider": {"help": "gemini, or a file of answers: JSON lines of id and raw."},
            "model": {"help": "Of the provider."},
            "fps": {"help": "Pictures a second that the model sees, to 24."},
            "resolution": {"help": "low or medium."},
            "seed": {"help": "Another seed is another answer."},
            "text": {"help": "guarded (no verdict, no names) or paper (as it was said)."},
            "names": {"help": "Names to keep out of the text: one a line, or labels.csv."},
        },
    ),
    SpendingOptions: (
        "Speed and budget",
        {
            "workers": {"min": 1, "help": "Requests at once."},
            "per_minute": {"flag": "--requests-per-minute", "min": 0.01, "help": "Not faster."},
            "max_requests": {"min": 0, "help": "Of all runs together; stop there."},
            "max_tokens": {"min": 0, "help": "In and out, likewise."},
            "price_in": {"min": 0, "help": "Of a million tokens in; with --price-out."},
            "price_out": {"min": 0, "help": "Of a million tokens out."},
        },
    ),
    EvaluateOptions: (
        None,
        {
            "runs": {"argument": "RUNS", "help": "Directory of a run; several judge as an ensemble."},
            "out": {"help": "Directory for predictions, tables and pictures."},
        },
    ),
    PeopleOptions: (
        "People",
        {
            "corpus": {"help": "A corpus on disk; simulated people without."},
            "part": {"help": "Part of the recipe's split."},
            "labels": {"help": LABELS},
            "other_corpus": {"help": "--corpus is another than the runs', of people they have never met."},
            "people": {"min": 2, "help": "Simulated people, half of each class."},
            "seconds": {"min": 1, "help": "Length of simulated recordings."},
            "live_people": {"min": 2, "help": "So many of them, at most, are judged live-like."},
        },
    ),
    JudgingOptions: (
        "Judgement",
        {
            "poses": {"min": 25, "help": "Another window length, in ticks, for the same weights."},
            "branches": {"help": "Branches to use."},
            "prior": {"help": "Share of wins to assume."},
            "quantile": {"help": "Also call this share of the surest wins (transductive)."},
            "curve": {"help": "Seconds watched of the anytime curve."},
            "every_s": {
                "min": 0,
                "help": "Seconds between the live-like judgements, of each mode the run has; 0: none.",
            },
        },
    ),
}
