"""``undertone listen``: prints what a publisher sends."""

import sys

from stream.cli.options import ListenOptions
from stream.cli.terminal import json_line, line
from stream.publish.keys import check_key, default_folder, load
from stream.publish.messages import Confidence
from stream.publish.subscriber import listen


def run(options: ListenOptions) -> None:
    """Print messages until ``count`` is reached. Raises PublishError after ``timeout_s`` of silence."""
    keys, server = None, options.server_key
    if server is not None:
        keys = load(options.keys or default_folder())
        check_key(server)
    for message in listen(
        options.endpoint,
        options.topic,
        options.count,
        options.timeout_s,
        conflate=options.conflate,
        keys=keys,
        server=server,
    ):
        if options.json or not isinstance(message, Confidence):
            sys.stdout.write(json_line(message))
        else:
            sys.stdout.write(line(message) + "\n")
        sys.stdout.flush()
