"""Checkpoint → bundle: every branch to ONNX, held against its module, with the manifest around it."""

import datetime
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch
from msgspec import structs

from export.bundles.golden import write as write_golden
from export.bundles.networks import Networks, Trained, trained, write_graphs
from export.bundles.untrained import freeze_positions
from export.bundles.write import write
from export.lowering.module_parity import Case, Report
from export.modules.branches import Portrait
from export.modules.ring_branches import RingBranch, write_ring
from stream.branches.full_mode import FullMode
from stream.bundle.load import Bundle
from stream.bundle.manifest import (
    Calibration,
    Extractor,
    Golden,
    Graph,
    ImageInput,
    Manifest,
    Mode,
    Provenance,
    TextInput,
)
from stream.errors import ModelError, UsageError
from stream.frontend.mediapipe.embedded import EXTRACTOR
from stream.verify import bundle_parity
from stream.verify.bundle_parity import USUAL
from stream.verify.golden import Inputs
from training.config import Delivery, Recipe
from training.data.prepared import Prepared
from training.data.sampling import Cut, assemble
from training.delivery.golden import made_up
from training.learning.checkpoint import Checkpoint
from training.learning.ring_stage import RINGS
from training.model import portrait_encoder
from training.model.fused import Branches
from training.model.portrait_encoder import PortraitEncoder
from training.model.ring import FEATURES
from training.model.spatial import Mlp

TOKENIZER = "tokenizer.json"
Network = TypeVar("Network", bound=Branches)
SIMULATOR = "simulator"  # names itself so as the extractor of a made-up corpus


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

    ``real`` recordings are parity cases beside random ones; ``golden`` clips go into the bundle with what the
    network says of them.

    Branches that learnt nothing (no features, no text) are left out. Raises ModelError when the checkpoint
    is not calibrated or a graph differs from its module.
    """
    about, recipe, model = checkpoint.about, checkpoint.recipe, _folded(checkpoint.model)
    if ring is not None and ring.recipe.window != recipe.window:
        raise ModelError(
            f"expected a ring mode of the same window, {recipe.window.poses} poses, found one of "
            f"{ring.recipe.window.poses}; teach it with a recipe that says delivery.poses = "
            f"{recipe.window.poses}."
        )
    if "calibration" not in about:
        raise ModelError(
            "expected a calibrated checkpoint, found one of an earlier stage; "
            "run `undertone-training finetune` first."
        )
    _check_knots(recipe)
    learnt = list(about["branches"])
    if "image" in learnt and portrait is None:
        raise ModelError(
            "expected the portrait encoder of the image branch, found none; name its checkpoint."
        )
    image, text = "image" in learnt, "text" in learnt
    networks = Networks(
        window=recipe.window,
        out=recipe.model.out,
        fusion=model.fusion,
        keypoints=model.keypoints if "keypoints" in learnt else None,
        image=model.image if image else None,
        portrait=Portrait(freeze_positions(portrait.dinov2)) if image and portrait else None,
        feature_dim=recipe.model.image_features,
        portrait_px=portrait.size if portrait else 0,
        text=model.text if text else None,
        text_length=recipe.model.text.length,
        vocabulary=checkpoint.tokenizer.get_vocab_size(),
    )
    reports: list[Report] = []

    def fill(folder: Path) -> Manifest:
        written = write_graphs(networks, folder, real_cases(checkpoint, real or []))
        reports.extend(written.reports)
        if text:
            checkpoint.tokenizer.save(str(folder / TOKENIZER))
        says = recipe.delivery
        mode = Mode(
            branches=written.branches,
            fusion=written.fusion,
            hop=says.hop,
            calibration=msgspec.convert(about["calibration"], Calibration),
        )
        modes: dict[str, Mode] = {"full": mode}
        if ring is not None:
            modes["ring"] = _ring_mode(ring, written.branches, folder, reports)
        manifest = Manifest(
            name=recipe.name,
            window=recipe.window,
            prior=says.prior,
            warmup_s=says.warmup_s,
            extractors=_extractors(extractors or {}, portrait if image else None),
            image=_image_input(written.encoder, portrait, recipe.model.image_features),
            text=_text_input(recipe.model.text.length, about) if text else None,
            modes=modes,
            provenance=Provenance(
                licence=says.licence,
                data=about.get("corpus") or says.data,
                command=command,
                note=_note(about, says),
                created=datetime.date.today().isoformat(),
            ),
            tolerances=USUAL,
            files={},
        )
        return _proven(manifest, folder, trained(networks, written), portrait if image else None, golden)

    return write(out, fill), reports


def _check_knots(recipe: Recipe) -> None:
    """Raises UsageError where the calibration speaks of seconds that the window never holds."""
    span_s, last = recipe.window.poses / recipe.window.rate, recipe.calibrating.knots_s[-1]
    if last > span_s + 1e-6:
        raise UsageError(
            f"{recipe.name}: expected calibrating.knots_s up to the window's {span_s:g} s, found {last:g} s; "
            "lower the knots or lengthen delivery.poses."
        )


def _ring_mode(ring: Checkpoint, full: Mapping[str, Graph], folder: Path, reports: list[Report]) -> Mode:
    """The ring mode of a bundle whose full mode has the branches ``full``; the text branch is theirs."""
    recipe, model = ring.recipe, _folded(ring.model)
    sizes = recipe.model
    carried = {name: getattr(model, name) for name in RINGS if name in full}
    widths = {"keypoints": recipe.window.widths, "image": {FEATURES: sizes.image_features}}
    local = {"keypoints": sizes.local, "image": 0}
    written = write_ring(carried, widths, local, model.fusion, sizes.out, folder)
    reports.extend(written.reports)
    text = {"text": full["text"]} if "text" in full else {}
    return Mode(
        branches=written.readouts | text,
        fusion=written.fusion,
        hop=recipe.ring.hop,
        calibration=msgspec.convert(ring.about["calibration"], Calibration),
        steps=written.steps,
    )


def _proven(
    manifest: Manifest,
    folder: Path,
    runners: Mapping[str, Trained],
    portrait: PortraitEncoder | None,
    clips: Sequence[Inputs],
) -> Manifest:
    """The manifest with golden tensors, which the graphs in ``folder`` have just given again."""
    if not clips:
        return manifest
    bundle = Bundle(folder=folder, manifest=manifest, sha256="")
    see = (lambda crop: portrait(crop[None])[0]) if portrait else None
    said = Golden(
        files=write_golden(bundle, FullMode(bundle, runners=runners), see, clips),
        inputs="held-out made-up people; no real person's points or portrait",
        outputs=f"the trained network in float32, torch {torch.__version__} on a CPU; of a ring mode its own "
        "float32 graphs, which were held against the network one by one",
    )
    manifest = structs.replace(manifest, golden=said)
    report = bundle_parity.check(structs.replace(bundle, manifest=manifest))
    if not report.passed:
        raise ModelError(
            f"{folder.name}: expected graphs that say of whole clips what their network says, found others "
            f"from {report.worst}; look for an operator that exports differently."
        )
    return manifest


def _extractors(given: dict[str, Extractor], portrait: PortraitEncoder | None) -> dict[str, Extractor]:
    if portrait is None:
        return given
    return {**given, "image": portrait.extractor}


def _image_input(encoder: object, portrait: PortraitEncoder | None, dim: int) -> ImageInput | None:
    if encoder is None or portrait is None:
        return None
    return ImageInput(encoder=encoder, size=portrait.size, mean=portrait.mean, std=portrait.std, dim=dim)


def _text_input(length: int, about: dict[str, Any]) -> TextInput:
    """With the form of the descriptions that a run learnt from: the live side gives its own the same."""
    return TextInput(tokenizer=TOKENIZER, length=length, form=about.get("text_form", "guarded"))


def _note(about: dict[str, Any], says: Delivery) -> str:
    """What a reader must know first. A recipe speaks for made-up people, whom a corpus may replace."""
    if about.get("simulated", True):
        return says.note
    return f"Trained on {about['corpus']}: it says nothing of other people in other places."


def _folded(model: Network) -> Network:
    """The same network with what only helps learning put into its weights."""
    folded = deepcopy(model)
    part = folded.keypoints
    for spatial in (part.streams if isinstance(part, RingBranch) else part.spatial).values():
        if isinstance(spatial, Mlp):
            spatial.fold()
    return folded


def real_cases(checkpoint: Checkpoint, recordings: list[Prepared]) -> dict[str, list[Case]]:
    """Parity cases from recordings: their newest stretch in a full-size window, padded as it is live."""
    window = checkpoint.recipe.window
    cases: dict[str, list[Case]] = {"keypoints": [], "image": [], "text": []}
    for source in recordings:
        stop = source.ticks
        batch = assemble([Cut(source, max(stop - window.poses, 0), stop)], window, checkpoint.recipe.target)
        t, f = window.poses, window.features
        groups = {name: _left(v.numpy(), t) for name, v in batch.groups.items()}
        masks = {f"{name}_mask": _left(v.numpy(), t) for name, v in batch.masks.items()}
        cases["keypoints"].append(groups | masks)
        features, mask = (_left(v.numpy(), f) for v in (batch.features, batch.feature_mask))
        cases["image"].append({"features": features, "feature_mask": mask})
        cases["text"].append({"ids": batch.ids.numpy(), "ids_mask": batch.ids_mask.numpy()})
    return cases


def _left(values, rows: int):  # type: ignore[no-untyped-def]
    """Pad in front (or cut the oldest) to ``rows`` along the second axis."""
    import numpy as np

    values = values[:, -rows:]
    padding = [(0, 0), (rows - values.shape[1], 0), *[(0, 0)] * (values.ndim - 2)]
    return np.pad(values, padding)


def deliver_run(
    checkpoint: Checkpoint, out: Path, encoder: str | Path, command: str, ring: Checkpoint | None = None
) -> str:
    """Deliver, at the window of the ``ring`` if there is one, with the portrait encoder in ``encoder`` if the
    image branch learnt; real recordings among the parity cases. Returns what was written, in words.

    Raises ModelError when the corpus's image features came from another encoder than this one.
    """
    from training.data.simulated import HELD_OUT
    from training.learning.runs import prepare_simulated
    from training.studies.panel import with_window

    if ring is not None and ring.recipe.window != checkpoint.recipe.window:
        # Learnt by a recipe of another length: the full mode's weights read any, the ring's its own.
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
        golden=made_up(checkpoint, portrait.size, portrait) if portrait else made_up(checkpoint),
        command=command,
    )
    return summary(bundle, reports)


def extractors_of(about: dict[str, Any]) -> tuple[Extractor, Extractor | None]:
    """What made the points and the image features that a run learnt from, as its corpus says.

    The simulator imitates the built-in front end, noise included, so that one stands in its place.
    """
    said = msgspec.convert(about.get("extractors", {}), dict[str, Extractor])
    keypoints = said.get("keypoints", EXTRACTOR)
    return EXTRACTOR if keypoints.name == SIMULATOR else keypoints, said.get("image")


def summary(bundle: Bundle, reports: list[Report]) -> str:
    """One line per file and the size of it all."""
    lines = [f"{r.file}: worst relative error {r.worst:.1e} over {r.cases} inputs" for r in reports]
    size = sum(entry.size for entry in bundle.manifest.files.values())
    return "\n".join(
        [*lines, f"{bundle.folder}: {size / 1e6:.1f} MB", json.dumps(bundle.manifest.provenance.note)]
    )
