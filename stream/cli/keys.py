"""``undertone keys``: the key pair of this user, and who may subscribe to an encrypted publisher."""

import sys
from pathlib import Path

from stream.publish import keys
from stream.publish.curve import generate


def run_new(folder: Path | None) -> None:
    """Make a pair; print its public key. Raises UsageError where there is one already."""
    made = keys.create(folder or keys.default_folder(), *generate())
    sys.stdout.write(f"{made.public}\n")


def run_show(folder: Path | None) -> None:
    """Print the public key, then who is allowed, one a line. Raises PublishError without a pair."""
    own = keys.load(folder or keys.default_folder())
    sys.stdout.write(f"{own.public}\n")
    for key, name in own.allowed().items():
        sys.stdout.write(f"allowed: {name} {key}\n")


def run_allow(name: str, key: str, folder: Path | None) -> None:
    """Let the owner of ``key`` subscribe from now on, also to a publisher that runs."""
    where = folder or keys.default_folder()
    keys.allow(where, name, key)
    sys.stdout.write(f"allowed: {name} {key}\n")
