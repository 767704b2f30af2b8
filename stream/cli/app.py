"""The ``undertone`` command: its sub-commands, their help, and nothing else.

What a command does is in the module of its name; its options are a record in ``options``.
"""

from pathlib import Path
from typing import Annotated

import typer

from stream.cli import entry
from stream.cli.options import InspectOptions, ListenOptions, WatchOptions
from stream.cli.parameters import takes

app = typer.Typer(
    name="undertone",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Completion in the shell: undertone --install-completion, then a new shell.",
)
models_app = typer.Typer(help="Model files in the user's cache, hash-checked.", no_args_is_help=True)
keys_app = typer.Typer(help="Keys of encrypted publishing, and who may subscribe.", no_args_is_help=True)

RUN, LOOK, PREPARE = "Run", "Look", "Prepare"

BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", help="Bundle directory. Default: the built-in demo bundle.", show_default=False),
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--keys", help="Folder of the keys. Default: ~/.config/undertone/keys.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line on stdout.")]


@app.callback()
def root(version: Annotated[bool, entry.version_option("undertone")] = False) -> None:
    """Reads hidden emotion from live video: a running, calibrated win/loss confidence over ZeroMQ."""


@app.command(rich_help_panel=RUN)
@takes(WatchOptions)
def watch(options: WatchOptions) -> None:
    """Watch a source and publish its running confidence.

    Examples:

      undertone watch demo

      undertone watch webcam

      undertone watch press.mp4 --json > confidence.jsonl

      undertone watch rtsp://camera/press --publish tcp://127.0.0.1:6000 --for 3600

      undertone watch rtsp://camera/press --publish ipc:///run/user/1000/undertone

      undertone watch rtsp://camera/press --describe gemini --every 60

      undertone watch rtsp://camera/press --notes notes.txt

      undertone watch press.mp4 --detector yolo --detector-model models/yolo11x-640x384-fp32.onnx
    """
    from stream.cli.watch import run

    run(options)


@app.command(rich_help_panel=RUN)
@takes(ListenOptions)
def listen(options: ListenOptions) -> None:
    """Print what a running `undertone watch` publishes.

    Examples:

      undertone listen tcp://127.0.0.1:5556

      undertone listen tcp://127.0.0.1:5556 --topic health --json --count 10

      undertone listen tcp://camera-room:5556 --server-key KEY
    """
    from stream.cli.listen import run

    run(options)


@app.command(rich_help_panel=LOOK)
@takes(InspectOptions)
def inspect(options: InspectOptions) -> None:
    """Show what the front end sees in one frame: portrait box, 137 points, validity, timings.

    Examples:

      undertone inspect press.mp4 --at 12.5 --out frame.png

      undertone inspect portrait.jpg --json

      undertone inspect press.mp4 --keypoints wholebody --keypoints-model models/rtmw-x.onnx --out seen.png
    """
    from stream.cli.inspection import run

    run(options)


@app.command(rich_help_panel=LOOK)
def sources(json: JsonOption = False) -> None:
    """List the cameras of this machine, to be watched by number or path.

    Examples:

      undertone sources

      undertone watch 0
    """
    from stream.cli.sources import run

    run(as_json=json)


@app.command(rich_help_panel=PREPARE)
def doctor(json: JsonOption = False, bundle: BundleOption = None) -> None:
    """Report what this machine can do: providers that really load, versions, models, a 5-second speed probe.

    Examples:

      undertone doctor

      undertone doctor --json
    """
    from stream.cli.doctor import run

    run(bundle, as_json=json)


app.add_typer(keys_app, name="keys", rich_help_panel=PREPARE)
app.add_typer(models_app, name="models", rich_help_panel=PREPARE)


@models_app.command("list")
def models_list(json: JsonOption = False) -> None:
    """List the model sets that can be pulled and whether they are here.

    Example:

      undertone models list
    """
    from stream.cli.model_sets import run_list

    run_list(as_json=json)


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="A name that `undertone models list` shows.")],
) -> None:
    """Bring a model set into the cache; does nothing when it is there and whole.

    Example:

      undertone models pull holistic
    """
    from stream.cli.model_sets import run_pull

    run_pull(name)


@models_app.command("verify")
def models_verify(
    name: Annotated[str | None, typer.Argument(help="Default: every set that is here.")] = None,
) -> None:
    """Check the hashes of the model files in the cache.

    Example:

      undertone models verify
    """
    from stream.cli.model_sets import run_verify

    run_verify(name)


@keys_app.command("new")
def keys_new(folder: FolderOption = None) -> None:
    """Make a key pair, for its owner alone, and print the public key.

    Example:

      undertone keys new
    """
    from stream.cli.keys import run_new

    run_new(folder)


@keys_app.command("show")
def keys_show(folder: FolderOption = None) -> None:
    """Print the public key and who may subscribe.

    Example:

      undertone keys show
    """
    from stream.cli.keys import run_show

    run_show(folder)


@keys_app.command("allow", context_settings={"ignore_unknown_options": True})  # a key may begin with a hyphen
def keys_allow(
    name: Annotated[str, typer.Argument(help="Who it is: letters, digits and . @ - _.")],
    key: Annotated[
        str, typer.Argument(help="Their public key, in quotes: what `undertone keys show` prints there.")
    ],
    folder: FolderOption = None,
) -> None:
    """Let a subscriber in; takes effect at once. Remove the line from the file `allowed` to revoke it.

    Example:

      undertone keys allow studio 'KEY'
    """
    from stream.cli.keys import run_allow

    run_allow(name, key, folder)


def main() -> None:
    """Entry point of ``undertone``."""
    entry.run("undertone", app)
