"""Linux's landlock: a process gives up, for good, every file but a few (landlock(7)).

Where the kernel has none of it nothing happens, and nothing is said but by ``version``.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every architecture
_ASK_VERSION, _PATH_BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
# How many rights over files each version of the interface knows, beginning with the first.
_RIGHTS = (13, 14, 15, 15, 16)
_SCOPES = 0b11  # from version 6: abstract sockets of others, and signals to them


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Of landlock's interface in this kernel; 0 where there is none, or it is switched off."""
    return max(0, _call(_CREATE, None, 0, _ASK_VERSION))


def restrict(readable: Iterable[Path], usable: Iterable[Path] = ()) -> bool:
    """From here on this thread, and what it starts, opens files in and below these paths alone.

    ``readable`` ones to read; ``usable`` ones (devices) to read, write and control. Nothing is executed, and
    no file made, renamed or removed. Paths that are not there are passed over. False where the kernel refuses
    or has no landlock. To be called after PR_SET_NO_NEW_PRIVS.
    """
    known = version()
    if known == 0:
        return False
    every = (1 << _RIGHTS[min(known, len(_RIGHTS)) - 1]) - 1
    ruleset = _Ruleset(every, 0, _SCOPES if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    rules = _call(_CREATE, ctypes.byref(ruleset), size, 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow(rules, path, (READ_FILE | READ_DIR) & every)
        for path in usable:
            _allow(rules, path, (READ_FILE | READ_DIR | WRITE_FILE | IOCTL_DEV) & every)
        return _call(_RESTRICT, rules, 0) == 0
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    with suppress(OSError, ValueError):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                rights &= _OF_FILES
            beneath = _Beneath(rights, fd)
            _call(_ADD, rules, _PATH_BENEATH, ctypes.byref(beneath), 0)
        finally:
            os.close(fd)


def _call(number: int, *arguments: object) -> int:
    """A system call; negative where it failed or cannot be made here."""
    try:
        call = ctypes.CDLL(None).syscall
    except (OSError, AttributeError):
        return -1
    call.restype = ctypes.c_long
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return int(call(ctypes.c_long(number), *words))
