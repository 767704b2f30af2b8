"""``undertone-training label`` from beginning to end: plan, consent, answers, results."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from stream.describing.answers import AnswersFile
from stream.describing.mute import digest
from stream.describing.prompts import load
from stream.describing.provider import KEYS, Provider, Sampling, gemini, gemini_address
from stream.describing.rendering import Form
from stream.errors import DescriptionUnavailable, UsageError
from training.corpus.index import listed
from training.labelling import audit, labels
from training.labelling.budget import Budget, Price
from training.labelling.cache import Cache
from training.labelling.plan import Plan, Video, megabytes, plan
from training.labelling.results import cost, read_names, summary, write
from training.labelling.run import ANSWERS, UPLOADS, Outcome, Say, run
from training.labelling.uploads import Uploads

TASK = TaskID(0)
GEMINI = "gemini"


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What the user asked for; see ``undertone-training label --help``."""

    videos: Path
    out: Path
    prompt: str
    rules: Path | None
    provider: str
    sampling: Sampling
    form: Form
    names: Path | None
    workers: int
    price: Price | None
    retry_failed: bool

    @property
    def sends(self) -> bool:
        """Whether videos leave this machine."""
        return self.provider == GEMINI


def planned(options: Options) -> Plan:
    """What remains to be done. A file of answers stands in for the model: another file, other answers."""
    sampling = options.sampling
    if not options.sends:
        path = Path(options.provider)
        if not path.is_file():
            raise UsageError(f"expected --provider {GEMINI} or a file of answers, found {path}; choose one.")
        sampling = Sampling(f"{path.name}-{digest(path)[:12]}", sampling.fps, sampling.resolution)
    prompt = load(options.prompt, options.rules)
    return plan(options.videos, Cache(options.out / ANSWERS), prompt, sampling, options.retry_failed)


def dry(plan: Plan, options: Options) -> str:
    """What a run would take."""
    return plan.dry(options.price, _host() if options.sends else None)


def question(plan: Plan) -> str:
    """What must be known before the first upload."""
    waiting = plan.waiting
    return (
        f"{len(waiting)} videos, up to {megabytes(waiting)} MB, go to Google's Gemini ({_host()}), without "
        f"their sound; people can be recognised in them. About {sum(plan.tokens())} tokens. Go on?"
    )


def carry_out(plan: Plan, options: Options, budget: Budget) -> str:
    """Ask about all that waits, then write ``labels.jsonl`` and ``audit.csv`` of all that is known.

    Returns a summary. What ended the run early is raised after everything is written.
    """
    sheet = options.out / audit.AUDIT
    if sheet.exists():
        audit.read(sheet)  # a sheet that does not read is found before anything is asked
    cache, uploads = Cache(options.out / ANSWERS), Uploads(options.out / UPLOADS)
    names, outcome = read_names(options.names), Outcome()
    provider = _provider(plan, options, budget, uploads)
    try:
        if provider is not None:
            with _bar(plan, options.price, budget) as say:
                outcome = run(
                    plan,
                    provider,
                    cache,
                    budget,
                    options.out,
                    sends=options.sends,
                    workers=options.workers,
                    say=say,
                )
    finally:
        if provider is not None:
            provider.close()
        known = {video.id: cache.get(video.key) for video in plan.videos}
        if any(known.values()) or not (options.out / labels.LABELS).exists():
            write(plan, known, options.out, options.form, names)
    if outcome.error is not None:
        raise outcome.error
    if outcome.unavailable:
        raise DescriptionUnavailable(
            f"{options.videos}: expected an answer for every video, found none for "
            f"{len(outcome.unavailable)} ({listed(outcome.unavailable)}), the service was not to be had; run "
            "the command again later."
        )
    return summary(plan, known, budget, options.price, len(uploads))


def _provider(plan: Plan, options: Options, budget: Budget, uploads: Uploads) -> Provider | None:
    """Who is asked, if anybody: also to delete what a run that was killed has left with the service."""
    if not options.sends:
        return AnswersFile(Path(options.provider)) if plan.waiting else None
    if not plan.waiting and not (uploads and any(map(os.environ.get, KEYS))):
        return None
    return gemini(uploads=uploads, meter=budget, sleep=budget.sleep)


def _host() -> str:
    """Of the service, without what an address may hold besides."""
    return urlsplit(gemini_address()).hostname or ""


@contextmanager
def _bar(plan: Plan, price: Price | None, budget: Budget) -> Iterator[Say]:
    """Videos done, tokens and cost so far, on stderr."""
    columns = (
        TextColumn("label"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[spent]}", markup=False),
    )
    done = len(plan.videos) - len(plan.waiting)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        progress.add_task("label", total=len(plan.videos), completed=done, spent="")

        def say(video: Video, reason: str | None) -> None:
            spent = f"{budget.tokens_in} tokens in, {budget.tokens_out} out{cost(price, budget)}"
            progress.update(TASK, advance=1, spent=spent)
            if reason is not None:
                progress.console.print(f"{video.id}: {reason}", markup=False, highlight=False, soft_wrap=True)

        yield say
