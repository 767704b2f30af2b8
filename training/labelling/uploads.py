"""The videos currently uploaded to a service, listed on disk, so that uploads of a killed run can be
deleted."""

import json
import threading
from collections import UserDict
from pathlib import Path

from stream.errors import UsageError
from stream.files import replace_with


class Uploads(UserDict[str, str]):
    """Remote file by SHA-256 of the video; every change is written to disk before it returns."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._lock = path, threading.Lock()
        try:
            self.data = dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                f"{path}: expected the list of uploaded files, found none that reads ({error}); remove it, "
                "and delete the uploaded files yourself."
            ) from error

    def __setitem__(self, sha256: str, name: str) -> None:
        with self._lock:
            self.data[sha256] = name
            self._save()

    def __delitem__(self, sha256: str) -> None:
        with self._lock:
            del self.data[sha256]
            self._save()

    def _save(self) -> None:
        replace_with(self._path, json.dumps(self.data, indent=1).encode() + b"\n")
