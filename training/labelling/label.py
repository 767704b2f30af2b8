"""``undertone-training label``: plan, consent, answers, results."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from stream.bundle.manifest import TextForm as Form
from stream.describing.labellers.answers_file import AnswersFile
from stream.describing.labellers.prompts import load
from stream.describing.labellers.provider import (
    KEYS,
    Provider,
    Sampling,
    check_gemini,
    gemini,
    gemini_address,
)
from stream.describing.picture_only import digest
from stream.errors import DescriptionUnavailable, UsageError
from training.corpus.index import listed
from training.labelling import audit, labels
from training.labelling.budget import Budget, Price
from training.labelling.cache import Cache
from training.labelling.ledger import Ledger
from training.labelling.plan import Plan, Video, plan, size
from training.labelling.results import Result, cost, read_names, summary, write
from training.labelling.run import ANSWERS, SPENT, UPLOADS, Outcome, Report, run
from training.labelling.uploads import Uploads

TASK = TaskID(0)
GEMINI = "gemini"


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Options of the command; see ``undertone-training label --help``."""

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


def make_plan(options: Options) -> Plan:
    """The remaining work; writes nothing. A file of answers counts as a model, identified by its content.
    Raises UsageError for anything that would stop the run later: a wrong folder, sheet or list of names."""
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"{options.out}: expected a folder, found a file; choose another --out.")
    sampling = options.sampling
    if not options.sends:
        path = Path(options.provider)
        if not path.is_file():
            raise UsageError(f"expected --provider {GEMINI} or a file of answers, found {path}; choose one.")
        sampling = Sampling(f"{path.name}-{digest(path)[:12]}", sampling.fps, sampling.resolution)
    prompt = load(options.prompt, options.rules)
    read_names(options.names)
    sheet = options.out / audit.AUDIT
    if sheet.exists():
        audit.read(sheet)
    return plan(options.videos, Cache(options.out / ANSWERS), prompt, sampling, options.retry_failed)


def describe(plan: Plan, options: Options) -> str:
    """The estimated cost of a run, in words."""
    return plan.describe(options.price, _host() if options.sends else None)


def consent_question(plan: Plan) -> str:
    """The question to confirm before the first upload. Raises UsageError if nothing could be sent anyway."""
    check_gemini()
    waiting, (each, _) = plan.waiting, plan.answer_tokens()
    return (
        f"{len(waiting)} videos, up to {size(waiting)}, go to Google's Gemini ({_host()}), without their "
        f"sound; people can be recognised in them. About {sum(plan.tokens())} tokens in and "
        f"{len(waiting) * each} out. Go on?"
    )


def execute(plan: Plan, options: Options, budget: Budget) -> Result:
    """Request all missing answers, then write ``labels.jsonl`` and ``audit.csv`` of all known ones."""
    cache, uploads = Cache(options.out / ANSWERS), Uploads(options.out / UPLOADS)
    budget.resume_from(Ledger(options.out / SPENT))
    plan, names, outcome = plan.refreshed(cache), read_names(options.names), Outcome()
    provider = _provider(plan, options, budget, uploads)
    try:
        if plan.waiting and provider is not None:
            with _bar(plan, options.price, budget) as report:
                outcome = run(
                    plan,
                    provider,
                    cache,
                    budget,
                    options.out,
                    sends=options.sends,
                    workers=options.workers,
                    report=report,
                )
    finally:
        if provider is not None:
            provider.close()
        known = {video.id: cache.get(video.key) for video in plan.videos}
        if any(known.values()) or not (options.out / labels.LABELS).exists():
            write(plan, known, options.out, options.form, names, outcome.unavailable)
    unmatched = provider.unmatched(plan.named) if isinstance(provider, AnswersFile) else ()
    result = summary(plan, known, budget, options.price, len(uploads), unmatched)
    return replace(result, error=outcome.error or _unavailable(outcome, options.videos))


def _unavailable(outcome: Outcome, videos: Path) -> DescriptionUnavailable | None:
    if not outcome.unavailable:
        return None
    return DescriptionUnavailable(
        f"{videos}: expected an answer for every video, found none for {len(outcome.unavailable)} "
        f"({listed(outcome.unavailable)}), the service was unavailable; run the command again later."
    )


def _provider(plan: Plan, options: Options, budget: Budget, uploads: Uploads) -> Provider | None:
    """The labeller, or None; also needed to delete uploads that a killed run has left with the service."""
    if not options.sends:
        return AnswersFile(Path(options.provider))
    if not plan.waiting and not (uploads and any(map(os.environ.get, KEYS))):
        return None
    return gemini(uploads=uploads, meter=budget, sleep=budget.sleep)


def _host() -> str:
    """The host of the service, without the rest of its address."""
    return urlsplit(gemini_address()).hostname or ""


@contextmanager
def _bar(plan: Plan, price: Price | None, budget: Budget) -> Iterator[Report]:
    """Videos done, tokens and cost so far, on stderr."""
    columns = (
        TextColumn("label"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[spent]}", markup=False),
    )
    copies = plan.copies
    done = len(plan.videos) - sum(copies[video.key] for video in plan.waiting)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        progress.add_task("label", total=len(plan.videos), completed=done, spent="")

        def report(video: Video, reason: str | None, done: bool) -> None:
            spent = budget.spent_now
            text = f"{spent.tokens_in} tokens in, {spent.tokens_out} out{cost(price, spent)}"
            progress.update(TASK, advance=copies[video.key] if done else 0, spent=text)
            if reason is not None:
                progress.console.print(f"{video.id}: {reason}", markup=False, highlight=False, soft_wrap=True)

        yield report
