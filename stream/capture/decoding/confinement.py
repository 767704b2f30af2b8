"""What a decoder never needs is given up before it reads a byte that a stranger sent."""

import ctypes
import resource
from contextlib import suppress

MOST_FILES = 256
MOST_MEMORY = 16 << 30  # bytes of address space, most of it libraries that are only mapped
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
