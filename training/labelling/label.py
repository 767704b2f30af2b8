"""``undertone-training label`` from beginning to end: plan, consent, answers, results."""

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
from training.labelling.run import ANSWERS, SPENT, UPLOADS, Outcome, Say, run
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
    """What remains to be done; nothing is written. A file of answers stands in for the model: another file,
    other answers. UsageError for whatever would stop it in the end: a folder, a sheet, a list of names."""
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


def dry(plan: Plan, options: Options) -> str:
    """What a run would take."""
    return plan.dry(options.price, _host() if options.sends else None)


def question(plan: Plan) -> str:
    """What must be known before the first upload. UsageError where nothing could be sent anyway."""
    check_gemini()
    waiting, (each, _) = plan.waiting, plan.answer_tokens()
    return (
        f"{len(waiting)} videos, up to {size(waiting)}, go to Google's Gemini ({_host()}), without their "
        f"sound; people can be recognised in them. About {sum(plan.tokens())} tokens in and "
        f"{len(waiting) * each} out. Go on?"
    )


def carry_out(plan: Plan, options: Options, budget: Budget) -> Result:
    """Ask about all that waits, then write ``labels.jsonl`` and ``audit.csv`` of all that is known."""
    cache, uploads = Cache(options.out / ANSWERS), Uploads(options.out / UPLOADS)
    budget.go_on_from(Ledger(options.out / SPENT))
    plan, names, outcome = plan.now(cache), read_names(options.names), Outcome()
    provider = _provider(plan, options, budget, uploads)
    try:
        if plan.waiting and provider is not None:
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
            write(plan, known, options.out, options.form, names, outcome.unavailable)
    unmatched = provider.unmatched(plan.named) if isinstance(provider, AnswersFile) else ()
    result = summary(plan, known, budget, options.price, len(uploads), unmatched)
    return replace(result, error=outcome.error or _in_vain(outcome, options.videos))


def _in_vain(outcome: Outcome, videos: Path) -> DescriptionUnavailable | None:
    if not outcome.unavailable:
        return None
    return DescriptionUnavailable(
        f"{videos}: expected an answer for every video, found none for {len(outcome.unavailable)} "
        f"({listed(outcome.unavailable)}), the service was not to be had; run the command again later."
    )


def _provider(plan: Plan, options: Options, budget: Budget, uploads: Uploads) -> Provider | None:
    """Who is asked, if anybody: also to delete what a run that was killed has left with the service."""
    if not options.sends:
        return AnswersFile(Path(options.provider))
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
    copies = plan.copies
    done = len(plan.videos) - sum(copies[video.key] for video in plan.waiting)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        progress.add_task("label", total=len(plan.videos), completed=done, spent="")

        def say(video: Video, reason: str | None, done: bool) -> None:
            spent = budget.spent_now
            told = f"{spent.tokens_in} tokens in, {spent.tokens_out} out{cost(price, spent)}"
            progress.update(TASK, advance=copies[video.key] if done else 0, spent=told)
            if reason is not None:
                progress.console.print(f"{video.id}: {reason}", markup=False, highlight=False, soft_wrap=True)

        yield say
