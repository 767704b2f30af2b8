"""Which endpoints may be bound; one sentence for each that may not.

Allowed: loopback TCP, ipc and inproc; any other TCP address only encrypted, or when the caller accepts it as
insecure.
"""

import errno
import ipaddress
import os
import re
import socket
import stat

from stream.errors import PublishError

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5556"
_TCP = re.compile(r"tcp://(?P<host>\[[^\[\]]+\]|[^\[\]:/]+):(?P<port>[0-9]{1,5}|\*)")


def bindable(endpoint: str, *, insecure: bool) -> str:
    """The address for bind. PublishError: malformed, or open to other machines without ``insecure``."""
    if endpoint.startswith("inproc://") and endpoint != "inproc://":
        return endpoint
    if endpoint.startswith("ipc://") and endpoint != "ipc://":
        _check_path(endpoint)
        return endpoint
    match = _TCP.fullmatch(endpoint)
    if match is None or (match["port"] != "*" and int(match["port"]) > 65535):
        raise PublishError(
            f"expected an endpoint such as tcp://127.0.0.1:5556 or ipc:///run/undertone, found {endpoint!r}; "
            "give a transport, a host and a port from 0 to 65535"
        )
    host = match["host"]
    if not _is_loopback(host) and not insecure:
        raise PublishError(
            f"expected an address of this machine only, such as tcp://127.0.0.1:5556, found {endpoint!r}, "
            "which others may reach unencrypted; use loopback or ipc://, encrypt it with "
            "`undertone keys new`, or accept the risk with --insecure."
        )
    if host == "localhost":
        host = "127.0.0.1"  # not whatever the name resolves to
    return f"tcp://{host}:{'*' if match['port'] == '0' else match['port']}"


def reaches_others(endpoint: str) -> bool:
    """Whether a well-formed endpoint is open to other machines."""
    match = _TCP.fullmatch(endpoint)
    return match is not None and not _is_loopback(match["host"])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name or an interface: it may resolve to any address
        return False


def socket_file(endpoint: str) -> tuple[str, int] | None:
    """Path and inode of an ipc endpoint's socket file, if there is one."""
    path = endpoint.removeprefix("ipc://")
    if path == endpoint or path.startswith("@"):  # not ipc, or in Linux's abstract namespace
        return None
    try:
        info = os.stat(path)
    except OSError:
        return None
    return (path, info.st_ino) if stat.S_ISSOCK(info.st_mode) else None


def _check_path(endpoint: str) -> None:
    """libzmq's bind deletes any file at the path, also another publisher's socket: look first."""
    path = endpoint.removeprefix("ipc://")
    if path in ("", "*") or path.startswith("@") or not os.path.lexists(path):
        return
    if socket_file(endpoint) is None:
        raise PublishError(f"expected a free path for {endpoint}, found another kind of file; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return  # left by a process that has ended
        except OSError as error:
            raise refused(endpoint, error) from error
    raise refused(endpoint, OSError(errno.EADDRINUSE, "in use"))


def refused(endpoint: str, error: Exception) -> PublishError:
    """The error for an address that cannot be bound."""
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        found, advice = "it in use", "stop the other publisher or choose another with --publish"
    elif number in (errno.EADDRNOTAVAIL, errno.ENODEV):
        found, advice = "an address that this machine does not have", "use tcp://127.0.0.1:PORT"
    elif number == errno.EACCES:
        found, advice = "no permission for it", "choose a port above 1023 or a writable folder"
    else:
        found, advice = f"an error ({getattr(error, 'strerror', None) or error})", "choose another endpoint"
    return PublishError(f"expected to publish on {endpoint}, found {found}; {advice}")
