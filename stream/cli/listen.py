"""``undertone listen``: prints what a publisher says."""

import sys

import msgspec

from stream.cli.terminal import line
from stream.publish.subscriber import listen
from stream.publish.wire import Confidence


def run(endpoint: str, topic: str, *, as_json: bool, count: int | None, timeout_s: float | None) -> None:
    """Print messages until ``count`` is reached. Raises PublishError after ``timeout_s`` of silence."""
    for message in listen(endpoint, topic, count, timeout_s):
        if as_json or not isinstance(message, Confidence):
            sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
        else:
            sys.stdout.write(line(message) + "\n")
        sys.stdout.flush()
