"""From the fused logit to an honest confidence: an affine map per valid seconds and present branches.

Fitted on subjects that were never trained on, with both classes weighing the same, so that
``slope·z + bias`` is a log-likelihood ratio and the prior can be added where it is used. The fused logit
cannot leave ±``LIMIT``, hence a slope bounds the confidence for certain: it is capped in proportion to the
seconds seen, and a short window cannot be sure of anything, whatever it shows.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from export.modules.branches import LIMIT
from stream.bundle.manifest import BRANCHES, Calibration, key_of
from stream.errors import UsageError
from training.config import Calibrating, Recipe, Stage
from training.data.prepared import Prepared
from training.data.sampling import assemble, random_cuts
from training.evaluation.metrics import auroc, balanced_accuracy, log_loss
from training.model.fused import Fused

Values = NDArray[np.float64]
RIDGE = 1.0  # observations' worth of pull on slope and bias towards 0
BATCH = 16
BIAS_SHARE = 0.25  # of the cap
USUAL = 0.6 * LIMIT  # where the 90th percentile of the fused logits is put
MOST_GAIN = 10.0


def fit(logit: Values, target: Values, cap: float, smooth: float = 0.02) -> tuple[float, float]:
    """Slope ≥ 0 and bias of the map, by Newton's method on class-balanced cross-entropy.

    ``target`` is a label or a probability of win; |slope·z + bias| ≤ ``cap`` for every possible logit.
    """
    win = target > 0.5
    weight = np.where(win, 0.5 / max(win.sum(), 1), 0.5 / max((~win).sum(), 1))
    aim = smooth + (1 - 2 * smooth) * target
    design = np.stack([logit, np.ones_like(logit)])
    slope, _ = _newton(design, aim, weight, np.zeros_like(logit))
    most = (1 - BIAS_SHARE) * cap / LIMIT
    slope = float(np.clip(slope, 0, most))
    (bias,) = _newton(design[1:], aim, weight, slope * logit)  # the best one beside the slope as cut
    return slope, float(np.clip(bias, -BIAS_SHARE * cap, BIAS_SHARE * cap))


def _newton(design: Values, aim: Values, weight: Values, base: Values) -> Values:
    """Weights θ [k] of logistic regression on design [k, N], with ``base`` added to the logit."""
    theta, ridge = np.zeros(len(design)), RIDGE / design.shape[1]
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(theta @ design + base, -30, 30)))
        gradient = design @ (weight * (p - aim)) + ridge * theta
        curvature = (design * (weight * p * (1 - p))) @ design.T + ridge * np.eye(len(design))
        theta = theta - np.clip(np.linalg.solve(curvature, gradient), -2, 2)
    return theta


def check(held_out: Sequence[Prepared], recipe: Recipe) -> None:
    """Whether anybody is there to fit the longest windows on. UsageError, before anything is trained."""
    seconds = recipe.calibrating.knots_s[-1]
    if not _long_enough(held_out, recipe, seconds):
        raise UsageError(
            f"expected held-out recordings of at least {seconds:g} s, found none; give longer ones or lower "
            "calibrating.knots_s in the recipe."
        )


def _long_enough(held_out: Sequence[Prepared], recipe: Recipe, seconds: float) -> list[Prepared]:
    ticks = int(min(seconds * recipe.window.rate, recipe.window.poses))
    return [s for s in held_out if s.ticks >= ticks]


def set_gain(model: Fused, held_out: Sequence[Prepared], recipe: Recipe) -> float:
    """Scale the fused logit so that few windows of the longest knot, without text, come near its limit."""
    gain = model.fusion.gain
    gain.fill_(1.0)
    rng = np.random.default_rng([recipe.seed, 4])
    found = collect(model, held_out, recipe, recipe.calibrating.knots_s[-1], rng)
    live = [logit for key, (logit, _, _) in found.items() if "text" not in key] or [
        v[0] for v in found.values()
    ]
    usual = max(float(np.quantile(np.abs(logit - np.median(logit)), 0.9)) for logit in live)
    gain.fill_(min(USUAL / max(usual, 1e-3), MOST_GAIN))
    return float(gain)


def cap_at(seconds: float, settings: Calibrating) -> float:
    """Largest calibrated logit after so many valid seconds."""
    return settings.cap * min(1.0, seconds / settings.cap_from_s)


def collect(
    model: Fused, held_out: Sequence[Prepared], recipe: Recipe, seconds: float, rng: np.random.Generator
) -> dict[str, tuple[Values, Values, Values]]:
    """Logit, target and label of random windows of ``seconds``, per key of present branches.

    Recordings that are too short for such a window are left out; nothing is found where all are.
    """
    stage = Stage(seconds=(seconds, seconds + 1e-6), partial=0.0, sampler=recipe.inference.sampler)
    found: dict[str, list[tuple[float, float, float]]] = {}
    device = next(model.parameters()).device
    held_out = _long_enough(held_out, recipe, seconds)
    if not held_out:
        return {}
    for _ in range(-(-recipe.calibrating.windows // BATCH)):
        cuts = random_cuts(held_out, stage, recipe.window, BATCH, rng)
        batch = assemble(cuts, recipe.window, recipe.target).to(device)
        there = batch.present
        with torch.no_grad():
            vectors = model.vectors(batch, [n for i, n in enumerate(BRANCHES) if there[:, i].any()])
            for chosen in subsets(BRANCHES):
                wanted = torch.tensor([name in chosen for name in BRANCHES], device=device)
                rows = (there | ~wanted).all(1)
                if not rows.any():
                    continue
                logit = model.fuse(vectors, wanted.expand_as(there))
                for i in torch.nonzero(rows)[:, 0].tolist():
                    person = cuts[i].source.recording
                    label = float(person.label)
                    # The outcome is what counts, also where windows were taught the evidence in them.
                    target = float(batch.target[i]) if person.mixed else label
                    found.setdefault(key_of(chosen), []).append((float(logit[i]), target, label))
    return {key: tuple(np.array(values).T) for key, values in found.items()}  # type: ignore[misc]


def calibrate(
    model: Fused, held_out: Sequence[Prepared], recipe: Recipe, branches: Sequence[str]
) -> tuple[Calibration, list[dict[str, float | str]]]:
    """The manifest's record for every combination of ``branches``, and what was measured on the way."""
    model.eval()
    set_gain(model, held_out, recipe)
    settings = recipe.calibrating
    rng = np.random.default_rng([recipe.seed, 3])
    slope: dict[str, list[float]] = {key_of(s): [] for s in subsets(branches)}
    bias: dict[str, list[float]] = {key: [] for key in slope}
    rows: list[dict[str, float | str]] = []
    for seconds in settings.knots_s:
        found = collect(model, held_out, recipe, seconds, rng)
        for key in slope:
            # A combination that no held-out recording shows gets no say; one that none shows for so long
            # keeps what was fitted for less.
            a, b = (slope[key][-1], bias[key][-1]) if slope[key] else (0.0, 0.0)
            if key in found:
                logit, target, _ = found[key]
                a, b = fit(logit, target, cap_at(seconds, settings), settings.smooth)
                rows.append({"branches": key, "seconds": seconds, "slope": a, "bias": b})
                rows[-1] |= _measured(a * logit + b, target)
            slope[key].append(a)
            bias[key].append(b)
    return Calibration(
        knots_s=settings.knots_s,
        slope={key: tuple(round(v, 5) for v in values) for key, values in slope.items()},
        bias={key: tuple(round(v, 5) for v in values) for key, values in bias.items()},
    ), rows


def _measured(calibrated: Values, target: Values) -> dict[str, float]:
    win, label = 1 / (1 + np.exp(-calibrated)), (target > 0.5).astype(float)
    if label.min() == label.max():
        return {}
    return {
        "balanced_accuracy": round(balanced_accuracy(win, label), 4),
        "auroc": round(auroc(win, label), 4),
        "log_loss": round(log_loss(win, target), 4),
        "median_confidence": round(float(np.median(np.maximum(win, 1 - win))), 4),
    }


def subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Every non-empty subset, in order."""
    return [group for n in range(1, len(names) + 1) for group in combinations(names, n)]
