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

LABELS = "A labeller's folder, its labels.jsonl or audit.csv; corrections are applied."

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
            "retry_failed": {"help": "Retry videos whose answer failed."},
            "dry_run": {"help": "Print requests and tokens; send nothing."},
            "yes": {"help": "Send videos without asking for confirmation."},
        },
    ),
    AskingOptions: (
        "Prompt and answer",
        {
            "prompt": {"help": "plain, cot_reflection, one of their versions, or an .md file."},
            "rules": {"help": "Your own prior rules: TOML of rules and reasons."},
            "provider": {"help": "gemini, or a file of answers: JSON lines of id and raw."},
            "model": {"help": "Model of the provider."},
            "fps": {"help": "Frames per second that the model sees, at most 24."},
            "resolution": {"help": "low or medium."},
            "seed": {"help": "Sampling seed; another one gives another answer."},
            "text": {"help": "guarded (no verdict, no names) or paper (verbatim)."},
            "names": {"help": "Names to keep out of the text: one per line, or labels.csv."},
        },
    ),
    SpendingOptions: (
        "Speed and budget",
        {
            "workers": {"min": 1, "help": "Parallel requests."},
            "per_minute": {"flag": "--requests-per-minute", "min": 0.01, "help": "Rate limit."},
            "max_requests": {"min": 0, "help": "Limit on the requests of all runs together."},
            "max_tokens": {"min": 0, "help": "The same for tokens, in and out."},
            "price_in": {"min": 0, "help": "Price of a million input tokens; with --price-out."},
            "price_out": {"min": 0, "help": "Price of a million output tokens."},
        },
    ),
    EvaluateOptions: (
        None,
        {
            "runs": {"argument": "RUNS", "help": "Directory of a run; several form an ensemble."},
            "out": {"help": "Directory for predictions, tables and plots."},
        },
    ),
    PeopleOptions: (
        "People",
        {
            "corpus": {"help": "A corpus on disk; default: simulated people."},
            "part": {"help": "Part of the recipe's split."},
            "labels": {"help": LABELS},
            "other_corpus": {"help": "--corpus is another than the runs', of people they have never met."},
            "people": {"min": 2, "help": "Number of simulated people, half of each class."},
            "seconds": {"min": 1, "help": "Length of simulated recordings."},
            "live_people": {"min": 2, "help": "Most people to evaluate at regular intervals."},
        },
    ),
    JudgingOptions: (
        "Evaluation",
        {
            "poses": {"min": 25, "help": "Window length in ticks; default: the recipe's."},
            "branches": {"help": "Branches to use."},
            "prior": {"help": "Prior probability of win."},
            "quantile": {"help": "Also predict win for this most confident share (transductive)."},
            "curve": {"help": "Seconds watched at the points of the anytime curve."},
            "every_s": {
                "min": 0,
                "help": "Seconds between predictions as on the live side, in each mode of the run; 0: none.",
            },
        },
    ),
}
