"""Key files of an encrypted publisher and its subscribers: one pair for each user, and who may subscribe.

``FOLDER/key``      the own pair: a line ``public KEY`` and a line ``secret KEY``, readable by its owner alone
``FOLDER/allowed``  a line ``NAME KEY`` for each subscriber; a line that is removed is refused from then on
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from stream.errors import PublishError, UsageError
from stream.files import users_folder

NAME = re.compile(r"[\w.@-]{1,64}")
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")  # Z85 of 32 bytes (ZeroMQ RFC 32)
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Keys:
    """A key pair, and the folder of its allow-list. ``repr`` does not show the secret."""

    folder: Path
    public: str
    secret: str

    def __repr__(self) -> str:
        return f"Keys({str(self.folder)!r}, {self.public!r})"

    def allowed(self) -> dict[str, str]:
        """Key → name of each allowed subscriber. Raises PublishError for a malformed file."""
        path = self.folder / "allowed"
        names = {}
        for number, line in enumerate(_read(path).splitlines() if path.exists() else (), 1):
            name, _, key = line.strip().partition(" ")
            if not name or name.startswith("#"):
                continue
            if not _KEY.fullmatch(key):
                raise PublishError(
                    f"{path}, line {number}: expected NAME and a key, found {line.strip()!r}; correct it."
                )
            names[key] = name
        return names


def default_folder() -> Path:
    """Where keys lie unless a command names another folder."""
    shared = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return users_folder(shared, "name a folder with --keys") / "undertone" / "keys"


def load(folder: Path) -> Keys:
    """The pair of a folder. Raises PublishError when it is missing, damaged or readable by others."""
    path = folder / "key"
    if not path.is_file():
        raise PublishError(f"{path}: expected a key pair, found none; make one with `undertone keys new`.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise PublishError(
            f"{path}: expected a file that only its owner reads, found mode {mode:o}; "
            f"run chmod 600 {path}, or make a new pair if others may have read it."
        )
    lines = dict(line.split(" ", 1) for line in _read(path).splitlines() if " " in line)
    public, secret = lines.get("public", ""), lines.get("secret", "")
    if not (_KEY.fullmatch(public) and _KEY.fullmatch(secret)):
        raise PublishError(
            f"{path}: expected a public and a secret key, found none; remove it and run `undertone keys new`."
        )
    return Keys(folder, public, secret)


def create(folder: Path, public: str, secret: str) -> Keys:
    """Write a new pair. Raises UsageError where there is one already, or the folder cannot be written."""
    path = folder / "key"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, f"public {public}\nsecret {secret}\n", os.O_EXCL)
    except FileExistsError:
        raise UsageError(
            f"{path}: expected no key pair yet, found one; move it away if it is to be replaced."
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    return Keys(folder, public, secret)


def allow(folder: Path, name: str, key: str) -> None:
    """Add a subscriber's public key to the allow-list. Raises UsageError for a malformed name or key."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"expected a name of letters, digits and . @ - _, found {name!r}; choose another name."
        )
    check_key(key)
    path = folder / "allowed"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, f"{name} {key}\n", os.O_APPEND)
    except OSError as error:
        raise _unwritable(path, error) from error


def check_key(key: str) -> str:
    """``key`` itself. Raises UsageError for what is no public key."""
    if not _KEY.fullmatch(key):
        raise UsageError(
            f"expected a public key of 40 characters, as `undertone keys show` prints it, found {len(key)} "
            "others; copy it once more."
        )
    return key


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no text"
        raise PublishError(
            f"{path}: expected a readable file, found {why}; check its permissions."
        ) from error


def _write(path: Path, text: str, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _unwritable(path: Path, error: OSError) -> UsageError:
    why = error.strerror or error
    return UsageError(f"{path}: expected a place to write keys to, found {why}; name another with --keys.")
