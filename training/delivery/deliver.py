"""Checkpoint → bundle: every branch as ONNX, checked against its module, and the manifest."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import msgspec
import torch
from msgspec import structs

from export.bundles.golden import write as write_golden
from export.bundles.networks import ModuleRunner, Networks, module_runners, write_graphs
from export.bundles.untrained import freeze_positions
from export.bundles.write import write
from export.lowering.module_parity import Report
from export.modules.branches import Keypoints, Portrait
from export.modules.ring_branches import RingBranch, write_ring
from stream.branches.full_mode import FullMode
from stream.bundle.load import Bundle
from stream.bundle.manifest import (
    Calibration,
    Extractor,
    Golden,
    Graph,
    Manifest,
    Mode,
)
from stream.errors import ModelError
from stream.frontend.mediapipe.embedded import EXTRACTOR
from stream.verify import bundle_parity
from stream.verify.golden import Inputs
from training.data.prepared import Prepared
from training.delivery.cases import real_cases
from training.delivery.golden import simulated_clips
from training.delivery.manifest import TOKENIZER, check_knots, full_mode, image_input, manifest_of
from training.learning.checkpoint import Checkpoint
from training.learning.ring_stage import RINGS
from training.model import portrait_encoder
from training.model.fused import Branches, Fused
from training.model.portrait_encoder import PortraitEncoder
from training.model.ring import FEATURES
from training.model.spatial import Mlp

Network = TypeVar("Network", bound=Branches)
SIMULATOR = "simulator"  # the extractor's name in a simulated corpus


def deliver(
    checkpoint: Checkpoint,
    out: Path,
    *,
    ring: Checkpoint | None = None,
    portrait: PortraitEncoder | None = None,
    extractors: dict[str, Extractor] | None = None,
    real: list[Prepared] | None = None,
    golden: Sequence[Inputs] = (),
    command: str = "undertone-training deliver",
) -> tuple[Bundle, list[Report]]:
    """Write the bundle of a calibrated checkpoint, with its ``ring`` mode if it has one.

    ``real`` recordings are parity cases besides random ones; ``golden`` clips go into the bundle with the
    network's outputs for them.

    Branches that were not trained (no features, no text) are left out. Raises ModelError if the checkpoint is
    not calibrated or a graph differs from its module.
    """
    _check(checkpoint, ring, portrait)
    portrait = portrait if "image" in checkpoint.about["branches"] else None
    networks = _networks(checkpoint, portrait)
    reports: list[Report] = []

    def fill(folder: Path) -> Manifest:
        written = write_graphs(networks, folder, real_cases(checkpoint, real or []))
        reports.extend(written.reports)
        if networks.text:
            checkpoint.tokenizer.save(str(folder / TOKENIZER))
        modes: dict[Literal["full", "ring"], Mode] = {
            "full": full_mode(checkpoint, written.branches, written.fusion)
        }
        if ring is not None:
            modes["ring"] = _ring_mode(ring, written.branches, folder, reports)
        manifest = manifest_of(
            checkpoint,
            modes,
            extractors={**(extractors or {}), **({"image": portrait.extractor} if portrait else {})},
            image=image_input(written.encoder, portrait, networks.feature_dim),
            command=command,
        )
        return _with_golden(manifest, folder, module_runners(networks, written), portrait, golden)

    return write(out, fill), reports


def _check(checkpoint: Checkpoint, ring: Checkpoint | None, portrait: PortraitEncoder | None) -> None:
    """Raises ModelError or UsageError for checkpoints that cannot be delivered."""
    about, recipe = checkpoint.about, checkpoint.recipe
    if ring is not None and ring.recipe.window != recipe.window:
        raise ModelError(
            f"expected a ring mode of the same window, {recipe.window.poses} poses, found one of "
            f"{ring.recipe.window.poses}; train it with a recipe that has delivery.poses = "
            f"{recipe.window.poses}."
        )
    if "calibration" not in about:
        raise ModelError(
            "expected a calibrated checkpoint, found one of an earlier stage; "
            "run `undertone-training finetune` first."
        )
    check_knots(recipe)
    if "image" in about["branches"] and portrait is None:
        raise ModelError(
            "expected the portrait encoder of the image branch, found none; name its checkpoint."
        )


def _networks(checkpoint: Checkpoint, portrait: PortraitEncoder | None) -> Networks:
    """The networks to export: the trained branches."""
    model = _folded(cast(Fused, checkpoint.model))  # of the full mode
    recipe, trained = checkpoint.recipe, checkpoint.about["branches"]
    return Networks(
        window=recipe.window,
        out=recipe.model.out,
        fusion=model.fusion,
        keypoints=model.keypoints if "keypoints" in trained else None,
        image=model.image if "image" in trained else None,
        portrait=Portrait(freeze_positions(portrait.dinov2)) if portrait else None,
        feature_dim=recipe.model.image_features,
        portrait_px=portrait.size if portrait else 0,
        text=model.text if "text" in trained else None,
        text_length=recipe.model.text.length,
        vocabulary=checkpoint.tokenizer.get_vocab_size(),
    )


def _ring_mode(ring: Checkpoint, full: Mapping[str, Graph], folder: Path, reports: list[Report]) -> Mode:
    """The ring mode of a bundle whose full mode has the graphs ``full``, of which it shares the text
    branch."""
    recipe, model = ring.recipe, _folded(ring.model)
    sizes = recipe.model
    branches = {name: getattr(model, name) for name in RINGS if name in full}
    widths = {"keypoints": recipe.window.widths, "image": {FEATURES: sizes.image_features}}
    local = {"keypoints": sizes.local, "image": 0}
    written = write_ring(branches, widths, local, model.fusion, sizes.out, folder)
    reports.extend(written.reports)
    text = {"text": full["text"]} if "text" in full else {}
    return Mode(
        branches=written.readouts | text,
        fusion=written.fusion,
        hop=recipe.ring.hop,
        calibration=msgspec.convert(ring.about["calibration"], Calibration),
        steps=written.steps,
    )


def _with_golden(
    manifest: Manifest,
    folder: Path,
    runners: Mapping[str, ModuleRunner],
    portrait: PortraitEncoder | None,
    clips: Sequence[Inputs],
) -> Manifest:
    """The manifest with golden tensors, after checking that the graphs in ``folder`` reproduce them."""
    if not clips:
        return manifest
    bundle = Bundle(folder=folder, manifest=manifest, sha256="")
    encode = (lambda crop: portrait(crop[None])[0]) if portrait else None
    golden = Golden(
        files=write_golden(bundle, FullMode(bundle, runners=runners), encode, clips),
        inputs="held-out simulated people; no real person's points or portrait",
        outputs=f"the trained network in float32, torch {torch.__version__} on a CPU; for ring mode its own "
        "float32 graphs, each of which was checked against the network",
    )
    manifest = structs.replace(manifest, golden=golden)
    report = bundle_parity.check(structs.replace(bundle, manifest=manifest))
    if not report.passed:
        raise ModelError(
            f"{folder.name}: expected graphs that reproduce their network's outputs for whole clips, found "
            f"others from {report.worst}; look for an operator that exports differently."
        )
    return manifest


def _folded(model: Network) -> Network:
    """A copy of the network with transforms that only help training folded into its weights."""
    folded = deepcopy(model)
    part = folded.keypoints
    for spatial in (part.streams if isinstance(part, RingBranch) else cast(Keypoints, part).spatial).values():
        if isinstance(spatial, Mlp):
            spatial.fold()
    return folded


def deliver_run(
    checkpoint: Checkpoint, out: Path, encoder: str | Path, command: str, ring: Checkpoint | None = None
) -> str:
    """Deliver a run: with the window of ``ring`` if there is one, with the portrait encoder in ``encoder`` if
    the image branch was trained, and with recordings among the parity cases. Returns a summary.

    Raises ModelError if the corpus' image features came from another encoder.
    """
    from training.data.simulated import HELD_OUT
    from training.learning.runs import prepare_simulated
    from training.studies.panel import with_window

    if ring is not None and ring.recipe.window != checkpoint.recipe.window:
        # Full mode's weights work with a window of any length, the ring's with its own only.
        checkpoint = with_window(checkpoint, ring.recipe.window.poses)
    portrait = portrait_encoder.load(encoder) if "image" in checkpoint.about["branches"] else None
    keypoints, image = extractors_of(checkpoint.about)
    if portrait and image and image.sha256 != portrait.sha256:
        raise ModelError(
            f"{encoder}: expected the encoder that the image features came from, {image.name} (sha256 "
            f"{image.sha256[:12]}), found {portrait.name} (sha256 {portrait.sha256[:12]}); name the former "
            "with --encoder."
        )
    bundle, reports = deliver(
        checkpoint,
        out,
        ring=ring,
        portrait=portrait,
        extractors={"keypoints": keypoints},
        real=prepare_simulated(checkpoint, 2, HELD_OUT),
        golden=simulated_clips(checkpoint, portrait.size, portrait)
        if portrait
        else simulated_clips(checkpoint),
        command=command,
    )
    return summary(bundle, reports)


def extractors_of(about: dict[str, Any]) -> tuple[Extractor, Extractor | None]:
    """The extractors of keypoints and image features of a run's corpus.

    The simulator imitates the built-in front end, noise included, so it counts as that.
    """
    extractors = msgspec.convert(about.get("extractors", {}), dict[str, Extractor])
    keypoints = extractors.get("keypoints", EXTRACTOR)
    return EXTRACTOR if keypoints.name == SIMULATOR else keypoints, extractors.get("image")


def summary(bundle: Bundle, reports: list[Report]) -> str:
    """One line per file, and the total size."""
    lines = [f"{r.file}: worst relative error {r.worst:.1e} over {r.cases} inputs" for r in reports]
    size = sum(entry.size for entry in bundle.manifest.files.values())
    return "\n".join(
        [*lines, f"{bundle.folder}: {size / 1e6:.1f} MB", json.dumps(bundle.manifest.provenance.note)]
    )
