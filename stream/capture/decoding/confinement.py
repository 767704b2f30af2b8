"""What a decoder never needs is given up before it reads a byte that a stranger sent."""

import ctypes
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from stream.capture.decoding import landlock

MOST_FILES = 256
MOST_MEMORY = 16 << 30  # bytes of address space, most of it libraries that are only mapped
# What a library reads while it runs: name service, certificates, time zones.
_SYSTEM = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/pki",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share",
    "/lib",
    "/lib64",
    "/nix/store",
    "/dev/urandom",
)
_LISTS = (b"#EXTM3U", b"ffconcat")  # first bytes of files that name others
_PR_SET_NO_NEW_PRIVS = 38  # prctl(2)


def confine() -> None:
    """No new privileges, no core dumps, few descriptors, and memory enough for pictures of 8K and no more.

    A system that refuses one of them runs without it.
    """
    limits = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MOST_FILES),
        (resource.RLIMIT_AS, MOST_MEMORY),
    )
    for kind, most in limits:
        with suppress(OSError, ValueError):
            _, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def confine_files(request: dict[str, Any]) -> bool:
    """From here on this thread opens no file but the source of ``request``, libraries and its device.

    False on a kernel without landlock, where it can open what its user can. Nothing is executed.
    """
    readable = [*map(Path, _SYSTEM), *map(Path, filter(None, [sys.prefix, sys.base_prefix, *sys.path]))]
    for name in ("SSL_CERT_FILE", "LD_LIBRARY_PATH"):
        readable += map(Path, filter(None, os.environ.get(name, "").split(os.pathsep)))
    usable = [Path("/dev/null")]
    if request["kind"] in ("file", "picture", "demo"):
        readable += _named(Path(request["url"]))
    elif request["kind"] == "device":
        usable.append(Path(request["url"]))
    return landlock.restrict([path.resolve() for path in readable], usable)


def _named(path: Path) -> list[Path]:
    """The file; of a playlist its folder too, for what lies beside it."""
    with suppress(OSError), path.open("rb") as file:
        if file.read(16).removeprefix(b"\xef\xbb\xbf").startswith(_LISTS):
            return [path.parent, path]
    return [path]
