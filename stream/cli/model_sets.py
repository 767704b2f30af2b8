"""``undertone models``: the model files in the user's cache."""

import sys

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stream.bundle import model_cache
from stream.errors import ModelError


def run_list(*, as_json: bool) -> None:
    """Print every known set, its size, and whether it is here."""
    for entry in model_cache.listing():
        if as_json:
            fields = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
            sys.stdout.write(msgspec.json.encode({**fields, "folder": str(entry.folder)}).decode() + "\n")
        else:
            state = (
                f"in {entry.folder}" if entry.present else f"not here; `undertone models pull {entry.name}`"
            )
            sys.stdout.write(
                f"{entry.name}  {entry.size / 1e6:.1f} MB  {entry.licence}  {entry.about}  {state}\n"
            )


def run_pull(name: str) -> None:
    """Bring one set, with a progress bar on stderr; print its folder."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"models pull {name}", total=1.0)
        folder = model_cache.pull(
            name, progress=lambda what, share: progress.update(task, description=what, completed=share)
        )
    sys.stdout.write(f"{folder}\n")


def run_verify(name: str | None) -> None:
    """Check one set, or all that are here. Raises ModelError naming what is wrong."""
    names = [name] if name else [entry.name for entry in model_cache.listing() if entry.present]
    problems = [problem for one in names for problem in model_cache.verify(one)]
    if problems:
        raise ModelError("; ".join(problems))
    if not names:
        raise ModelError("expected a pulled model set, found none; run `undertone models pull holistic`")
    sys.stdout.write(f"verified: {', '.join(names)}\n")
