"""The ``undertone`` command: options in, one sentence out when something is wrong."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from stream import __version__
from stream.errors import UndertoneError

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5556"

app = typer.Typer(
    name="undertone",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="Model files in the user's cache, hash-checked.", no_args_is_help=True)
app.add_typer(models_app, name="models")

SourceArgument = Annotated[
    str,
    typer.Argument(
        help="File, rtsp(s)://, rtmp(s)://, http(s)://, /dev/videoN, 'demo' (built-in clip) or 'pattern'."
    ),
]
BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", help="Bundle directory. Default: the built-in demo bundle.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line on stdout.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of the keypoint networks.")]
ModelOption = Annotated[
    Path | None,
    typer.Option(help="Its ONNX file; see `undertone-export frontends`.", show_default=False),
]
DetectorOption = Annotated[str, typer.Option(help="Who finds people: pose (embedded) or yolo.")]
KeypointsOption = Annotated[
    str, typer.Option(help="Who finds their points: holistic (embedded) or wholebody.")
]
TimeoutOption = Annotated[
    float, typer.Option(min=0.1, help="Seconds of silence after which a source is given up.")
]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Reads hidden emotion from live video: a running, calibrated win/loss confidence over ZeroMQ."""
    if version:
        typer.echo(f"undertone {__version__}")
        raise typer.Exit


@app.command()
def watch(
    source: SourceArgument,
    bundle: BundleOption = None,
    publish: Annotated[str, typer.Option(help="ZeroMQ endpoint to bind.")] = DEFAULT_ENDPOINT,
    mode: Annotated[
        str,
        typer.Option(
            help="ring (an update costs what is new), full (the whole window anew), or auto: ring where the "
            "bundle has it."
        ),
    ] = "auto",
    on_cut: Annotated[
        str,
        typer.Option(
            help="What becomes of what was seen before a cut or another person: keep, decay (ring only: it "
            "counts a quarter) or reset."
        ),
    ] = "keep",
    pace: Annotated[
        str | None,
        typer.Option(
            help="live (newest frame wins) or fast (nothing lost; default for files).", show_default=False
        ),
    ] = None,
    hop: Annotated[
        int | None,
        typer.Option(min=1, help="Ticks between estimates. Default: the bundle's.", show_default=False),
    ] = None,
    for_s: Annotated[
        float | None,
        typer.Option("--for", min=0.0, help="Stop after this many wall-clock seconds.", show_default=False),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for a source that is not there yet.")] = False,
    json: JsonOption = False,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Draw portrait, points and confidence curve into this MP4.", show_default=False),
    ] = None,
    wire: Annotated[str, typer.Option(help="Payload on the wire: json or msgpack.")] = "json",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow an endpoint beyond this machine.")
    ] = False,
    provider: Annotated[
        str, typer.Option(help="cpu, cuda or tensorrt; never falls back in silence.")
    ] = "cpu",
    prior: Annotated[
        float | None,
        typer.Option(min=0.001, max=0.999, help="Prior of win. Default: the bundle's.", show_default=False),
    ] = None,
    describe: Annotated[
        str | None,
        typer.Option(
            help="gemini: ask it about the last minute. Sends pictures away, no sound; needs GOOGLE_API_KEY "
            "or GEMINI_API_KEY.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[float, typer.Option(min=10.0, help="Seconds between two such questions.")] = 60.0,
    describe_model: Annotated[
        str | None, typer.Option(help="Model that is asked. Default: the provider's.", show_default=False)
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="A name of the player, kept out of the descriptions. May be given several times.",
            show_default=False,
        ),
    ] = None,
    notes: Annotated[
        str | None,
        typer.Option(
            help="Descriptions typed by a person, a line each: a file that is followed, or - for standard "
            "input. A single dash takes back what was said.",
            show_default=False,
        ),
    ] = None,
    detector: DetectorOption = "pose",
    detector_model: ModelOption = None,
    keypoints: KeypointsOption = "holistic",
    keypoints_model: ModelOption = None,
    image: Annotated[
        Path | None,
        typer.Option(help="Image encoder (ONNX with its card) in place of the bundle's.", show_default=False),
    ] = None,
    threads: ThreadsOption = 2,
    timeout: TimeoutOption = 10.0,
    any_extractor: Annotated[
        bool,
        typer.Option("--any-extractor", help="Run a bundle trained on another keypoint or image extractor."),
    ] = False,
) -> None:
    """Watch a source and publish its running confidence.

    Examples:

      undertone watch demo

      undertone watch press.mp4 --json > confidence.jsonl

      undertone watch rtsp://camera/press --publish tcp://127.0.0.1:6000 --for 3600

      undertone watch rtsp://camera/press --describe gemini --every 60

      undertone watch rtsp://camera/press --notes notes.txt

      undertone watch press.mp4 --detector yolo --detector-model models/yolo11x-640x384-fp32.onnx
    """
    from stream.cli.watch import Options, run

    run(
        Options(
            source=source,
            bundle=bundle,
            publish=publish,
            mode=mode,
            on_cut=on_cut,
            pace=pace,
            hop=hop,
            for_s=for_s,
            wait=wait,
            json=json,
            overlay=overlay,
            wire=wire,
            insecure=insecure,
            provider=provider,
            prior=prior,
            threads=threads,
            timeout_s=timeout,
            any_extractor=any_extractor,
            describe=describe,
            describe_model=describe_model,
            every_s=every,
            names=tuple(name or ()),
            notes=notes,
            detector=detector,
            keypoints=keypoints,
            detector_model=detector_model,
            keypoints_model=keypoints_model,
            image=image,
        )
    )


@app.command()
def listen(
    endpoint: Annotated[
        str, typer.Argument(help="Endpoint that `undertone watch` publishes on.")
    ] = DEFAULT_ENDPOINT,
    topic: Annotated[str, typer.Option(help="confidence, health or event.")] = "confidence",
    json: JsonOption = False,
    count: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many messages.", show_default=False)
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0.0, help="Give up after this many seconds without a message.", show_default=False),
    ] = None,
) -> None:
    """Print what a running `undertone watch` publishes.

    Examples:

      undertone listen tcp://127.0.0.1:5556

      undertone listen tcp://127.0.0.1:5556 --topic health --json --count 10
    """
    from stream.cli.listen import run

    run(endpoint, topic, as_json=json, count=count, timeout_s=timeout)


@app.command()
def inspect(
    source: SourceArgument,
    at: Annotated[float, typer.Option(min=0.0, help="Seconds into the source.")] = 0.0,
    json: JsonOption = False,
    out: Annotated[
        Path | None, typer.Option(help="Draw portrait and points into this PNG.", show_default=False)
    ] = None,
    detector: DetectorOption = "pose",
    detector_model: ModelOption = None,
    keypoints: KeypointsOption = "holistic",
    keypoints_model: ModelOption = None,
    image: Annotated[
        Path | None,
        typer.Option(help="Image encoder (ONNX with its card): its vector too.", show_default=False),
    ] = None,
    threads: ThreadsOption = 2,
    timeout: TimeoutOption = 10.0,
) -> None:
    """Show what the front end sees in one frame: portrait box, 137 points, validity, timings.

    Examples:

      undertone inspect press.mp4 --at 12.5 --out frame.png

      undertone inspect portrait.jpg --json

      undertone inspect press.mp4 --keypoints wholebody --keypoints-model models/rtmw-x.onnx --out seen.png
    """
    from stream.cli.inspection import run
    from stream.runtime.front_end_choice import Choice

    choice = Choice(detector, keypoints, detector_model, keypoints_model, image)
    run(source, choice, at_s=at, as_json=json, out=out, threads=threads, timeout_s=timeout)


@app.command()
def doctor(json: JsonOption = False, bundle: BundleOption = None) -> None:
    """Report what this machine can do: providers that really load, versions, models, a 5-second speed probe.

    Examples:

      undertone doctor

      undertone doctor --json
    """
    from stream.cli.doctor import run

    run(bundle, as_json=json)


@models_app.command("list")
def models_list(json: JsonOption = False) -> None:
    """List the model sets that can be pulled and whether they are here."""
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
    """Check the hashes of the model files in the cache."""
    from stream.cli.model_sets import run_verify

    run_verify(name)


def main() -> None:
    """Entry point: every expected error is one sentence on stderr and a non-zero exit."""
    try:
        app()
    except UndertoneError as error:
        typer.echo(f"undertone: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read stdout has gone; keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
