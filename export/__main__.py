"""``undertone-export``: write, quantize and verify bundles, build engines."""

from pathlib import Path
from typing import Annotated

import typer

from export.frontends.commands import frontends
from stream.bundle.load import load
from stream.bundle.manifest import Window
from stream.cli import entry

app = typer.Typer(
    name="undertone-export",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Completion in the shell: undertone-export --install-completion, then a new shell.",
)

WRITE, VERIFY = "Write", "Verify and build"

TargetArgument = Annotated[
    Path, typer.Argument(help="A bundle, or front-end models: an ONNX file with its card, or their folder.")
]
BundleArgument = Annotated[Path, typer.Argument(help="Directory of a bundle.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads per network.")]

app.add_typer(frontends, name="frontends", rich_help_panel=WRITE)


@app.callback()
def root(version: Annotated[bool, entry.version_option("undertone-export")] = False) -> None:
    """Export trained networks to bundles and verify that they give the same outputs."""


@app.command(rich_help_panel=WRITE)
def untrained(
    out: Annotated[Path, typer.Argument(help="Directory of the bundle to write.")],
    poses: Annotated[int, typer.Option(min=1, help="Pose slots, one per tick.")] = 4000,
    features: Annotated[int, typer.Option(min=1, help="Image feature slots.")] = 800,
    dim: Annotated[int, typer.Option(min=2, help="Width of every network.")] = 32,
    seed: Annotated[int, typer.Option(help="Seed of the random weights.")] = 0,
    image: Annotated[bool, typer.Option(help="Include the image branch.")] = True,
    text: Annotated[bool, typer.Option(help="Include the text branch.")] = True,
) -> None:
    """Write a bundle with random weights, to test the live pipeline.

    Example:

      undertone-export untrained runs/untrained --poses 500 --features 100
    """
    from export.bundles.untrained import write_untrained

    window = Window(poses=poses, features=features)
    folder = write_untrained(out, window, dim=dim, seed=seed, image=image, text=text)
    typer.echo(f"{folder}: untrained bundle written and verified")


@app.command(rich_help_panel=VERIFY)
def check(
    target: TargetArgument,
    provider: Annotated[str, typer.Option(help="cpu, cuda or tensorrt.")] = "cpu",
    report: Annotated[
        Path | None,
        typer.Option(
            help="Also write the report to this file: JSON, or Markdown for .md.", show_default=False
        ),
    ] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Verify a bundle or front-end models on this machine: hashes, shapes, golden outputs.

    The report goes to the user's cache, where `undertone watch --provider` looks for it. The exit code is 1
    if anything fails.

    Examples:

      undertone-export check stream/assets/demo

      undertone-export check stream/assets/demo --provider cuda --report gate.md

      undertone-export check models/yolo11x-640x384-fp16.onnx --provider cuda
    """
    from export.commands.check import check as run
    from export.commands.check import subjects

    for line in run(subjects(target), provider, report, threads=threads):
        typer.echo(line)


@app.command(rich_help_panel=WRITE)
def golden(
    bundle: BundleArgument,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Video that shows a person; may be repeated. Default: the built-in clip."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to. Default: the bundle's own.")
    ] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Add golden tensors to a bundle: clips and the outputs of its own float32 graphs on this machine.

    `undertone-training deliver` writes better ones: the outputs of the networks that the graphs were exported
    from.

    Example:

      undertone-export golden bundles/old --source press.mp4
    """
    from export.bundles.golden import add

    written = add(load(bundle), source or ["demo"], out or bundle, threads=threads)
    size = sum(entry.size for entry in written.manifest.files.values())
    typer.echo(f"{written.folder}: {size / 1e6:.1f} MB with golden tensors")


@app.command(rich_help_panel=WRITE)
def quantize(
    bundle: BundleArgument,
    out: Annotated[Path, typer.Option(help="Directory of the bundle to write.")],
    precision: Annotated[str, typer.Option(help="fp16 (GPU) or int8 (CPU).")],
    branch: Annotated[
        list[str] | None,
        typer.Option(
            help="keypoints, image, text, fusion, image_encoder, ring-keypoints, ring-image or ring-fusion; "
            "may be repeated. Default: every branch that the bundle has and the precision supports."
        ),
    ] = None,
    portraits: Annotated[
        str, typer.Option(help="Video whose portraits calibrate the int8 image encoder.")
    ] = "demo",
    threads: ThreadsOption = 2,
) -> None:
    """Write a bundle in lower precision, as far as it still reproduces the golden outputs.

    A branch that fails stays float32, and the output says how far off it was.

    Examples:

      undertone-export quantize stream/assets/demo --out bundles/demo-fp16 --precision fp16

      undertone-export quantize stream/assets/demo --out bundles/demo-int8 --precision int8 --branch text
    """
    from export.bundles.quantize import quantize as run

    for line in run(load(bundle), out, precision, branch, portraits=portraits, threads=threads):
        typer.echo(line)


@app.command(rich_help_panel=VERIFY)
def engines(
    target: TargetArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Cache to build into; set UNDERTONE_CACHE to it for `undertone watch`. Default: the user's.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Build TensorRT engines for `--provider tensorrt` on this machine and verify them.

    An engine works with one GPU, driver, CUDA and TensorRT version, so it is kept in the user's cache, is
    never part of a bundle, and is refused if any of these differs.

    Examples:

      undertone-export engines stream/assets/demo

      undertone-export engines models/yolo11x-640x384-fp16.onnx
    """
    from export.commands.check import subjects
    from export.commands.engines import build

    for line in build(subjects(target), out):
        typer.echo(line)


def main() -> None:
    """Entry point of ``undertone-export``."""
    entry.run("undertone-export", app)


if __name__ == "__main__":
    main()
