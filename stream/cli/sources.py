"""``undertone sources``, and names of cameras for ``undertone watch``: ``0``, ``webcam``."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from stream.cli.terminal import json_line
from stream.errors import UsageError

DEVICES, NAMES = Path("/dev"), Path("/sys/class/video4linux")
WEBCAM = ("webcam", "camera")
_NODE = re.compile(r"video(\d+)")


@dataclass(frozen=True, slots=True)
class Camera:
    """A video device of this machine."""

    device: str  # path
    number: int
    name: str  # of the driver, printable; empty where it gives none
    pictures: bool  # False for a node that carries a camera's metadata only

    def __str__(self) -> str:
        return f"{self.device} ({self.name})" if self.name else self.device


def cameras(devices: Path = DEVICES, names: Path = NAMES) -> list[Camera]:
    """The /dev/videoN that exist, by number; names from Linux's video4linux class in sysfs."""
    here = []
    for path in devices.glob("video*"):
        if (node := _NODE.fullmatch(path.name)) is None:
            continue
        about = names / path.name
        here.append(
            Camera(str(path), int(node[1]), _read(about / "name"), _read(about / "index") in ("", "0"))
        )
    return sorted(here, key=lambda camera: camera.number)


def resolve(text: str, *, devices: Path = DEVICES, names: Path = NAMES) -> str:
    """``0`` → /dev/video0, ``webcam`` → the camera; everything else, also a file of that name, stays.

    Raises UsageError, with the cameras that there are, for a number without a device, and for ``webcam``
    where there is not exactly one.
    """
    number = text.isascii() and text.isdecimal()
    if not (number or text in WEBCAM) or Path(text).exists():
        return text
    here = cameras(devices, names)
    wanted = [c for c in here if (c.number == int(text) if number else c.pictures)]
    if len(wanted) == 1:
        return wanted[0].device
    expected = f"camera {text}" if number else "one camera"
    if not here:
        raise UsageError(
            f"{text}: expected {expected}, found no /dev/video device; plug a camera in or name a file."
        )
    listed = ", ".join(map(str, here if number else wanted or here))
    raise UsageError(f"{text}: expected {expected}, found {listed}; name one of these.")


def run(*, as_json: bool) -> None:
    """Print one line for each camera."""
    here = cameras()
    for camera in here:
        if as_json:
            fields = {"device": camera.device, "name": camera.name, "pictures": camera.pictures}
            sys.stdout.write(json_line(fields))
        else:
            note = "" if camera.pictures else "  (metadata only)"
            sys.stdout.write(f"{camera.device}  {camera.name or 'unnamed'}{note}\n")
    if not here and not as_json:
        sys.stdout.write(
            "There is no camera here (no /dev/video device); watch a file, an address or demo.\n"
        )


def _read(path: Path) -> str:
    """First line of a sysfs file, printable; empty where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(c for c in text.partition("\n")[0] if c.isprintable()).strip()
