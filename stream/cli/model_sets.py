"""``undertone models``: the model files in the user's cache; and the offer to fetch them on the first run."""

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stream.bundle import model_cache
from stream.cli.terminal import json_line
from stream.errors import ModelError, UsageError
from stream.frontend.options import FrontEndOptions


def run_list(*, as_json: bool) -> None:
    """Print every known set, its size, and whether it is here."""
    for entry in model_cache.listing():
        if as_json:
            fields = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
            sys.stdout.write(json_line({**fields, "folder": str(entry.folder)}))
        else:
            state = (
                f"in {entry.folder}" if entry.present else f"not here; `undertone models pull {entry.name}`"
            )
            sys.stdout.write(
                f"{entry.name}  {entry.size / 1e6:.1f} MB  {entry.licence}  {entry.about}  {state}\n"
            )


def run_pull(name: str) -> None:
    """Fetch one set and print its folder. Raises UsageError for an unknown name."""
    sys.stdout.write(f"{pull(known(name))}\n")


def run_verify(name: str | None) -> None:
    """Check one set, or all that are here. Raises ModelError naming what is wrong."""
    names = [known(name)] if name else [entry.name for entry in model_cache.listing() if entry.present]
    problems = [problem for one in names for problem in model_cache.verify(one)]
    if problems:
        raise ModelError("; ".join(problems))
    if not names:
        raise ModelError("expected a pulled model set, found none; run `undertone models pull holistic`")
    sys.stdout.write(f"verified: {', '.join(names)}\n")


def pull(name: str) -> Path:
    """Fetch one set with a progress bar on stderr; its folder."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"models pull {name}", total=1.0)
        return model_cache.pull(
            name, progress=lambda what, share: progress.update(task, description=what, completed=share)
        )


def known(name: str) -> str:
    """``name`` itself. Raises UsageError, with the nearest name, when no set is called that."""
    if name in model_cache.SETS:
        return name
    names = sorted(model_cache.SETS)
    near = difflib.get_close_matches(name, names, 1)
    advice = f"did you mean {near[0]}?" if near else "choose one of these."
    raise UsageError(f"expected a model set ({', '.join(names)}), found {name!r}; {advice}")


def ensure(
    options: FrontEndOptions,
    say: Callable[[str], None],
    *,
    yes: bool,
    fetch: Callable[[str], Path] = pull,
    ask: Callable[[str], bool] | None = None,
) -> None:
    """Make sure that the keypoint networks are here, where the front end needs them.

    ``yes`` fetches them; else ``ask`` asks, by default on a terminal. Raises ModelError, with the command
    that fetches them, when they are missing and the answer is no, or there is no terminal to ask on.
    """
    if options.detector_model is not None and options.keypoints_model is not None:
        return
    wanted = model_cache.HOLISTIC
    try:
        model_cache.locate(wanted.name)
        return
    except ModelError as error:
        size = f"{wanted.size / 1e6:.0f} MB"
        if not yes:
            ask = ask or (_ask if _on_a_terminal() else None)
            question = f"The keypoint networks are missing ({size}, {wanted.licence}). Fetch them?"
            if ask is None or not ask(question):
                raise ModelError(f"{error} ({size}), or add --yes.") from None
    say(f"fetching the keypoint networks ({size})")
    fetch(wanted.name)


def _on_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str) -> bool:
    """Yes unless the answer begins with n."""
    print(f"{question} [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return bool(answer) and not answer.strip().lower().startswith("n")
