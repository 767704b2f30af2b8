"""Fits the calibration: an affine map of the fused logit by valid seconds and present branches.

Fitted on held-out subjects with equal weight for both classes, so that ``slope·z + bias`` is a log-likelihood
ratio and the prior can be added at inference. The fused logit is centred and scaled first. It stays within
±``LIMIT``, so a map bounds the published confidence; the bound grows with the seconds seen, so that a short
window never gives a high confidence. A bound scales the whole map and never moves the decision boundary.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from export.modules.branches import LIMIT
from stream.bundle.manifest import BRANCHES, Calibration, key_of
from stream.errors import UsageError
from training.config import Calibrating, Recipe, Stage
from training.data.prepared import Prepared
from training.data.sampling import assemble, random_cuts
from training.evaluation.metrics import auroc, balanced_accuracy, log_loss
from training.model.fused import Branches

Values = NDArray[np.float64]
RIDGE = 1.0  # strength of the ridge penalty on slope and bias, in observations
BATCH = 16
USUAL = 0.6 * LIMIT  # target of the 90th percentile of the centred logits
MOST_GAIN = 10.0


class OneClass(UsageError):
    """The windows to fit on belong to one class only."""


def fit(logit: Values, target: Values, cap: float, smooth: float = 0.02) -> tuple[float, float]:
    """Slope ≥ 0 and bias of the map, by class-balanced cross-entropy with a weak ridge penalty.

    ``target`` is a label or a probability of win. ``cap`` bounds |slope·z + bias| for every possible logit: a
    map beyond it is scaled as a whole, which keeps its decision boundary. Logits that rank the classes no
    better than chance give (0, 0): no evidence.

    Raises OneClass for windows of one class, and UsageError for logits that are not finite or a map that is
    worse than the prior on the windows it was fitted on.
    """
    win = target > 0.5
    if win.all() or not win.any():
        raise OneClass(
            f"expected windows of both classes to calibrate on, found {len(target)} of "
            f"{'wins' if win.any() else 'losses'} alone; give held-out people of both."
        )
    if not np.isfinite(logit).all():
        raise UsageError(
            "expected numbers from the fusion to calibrate on, found some that are none; "
            "train with a smaller rate."
        )
    weight = np.where(win, 0.5 / win.sum(), 0.5 / (~win).sum())
    smoothed = smooth + (1 - 2 * smooth) * target
    # Centred and scaled, so that neither a shift nor a scale of the logits changes the problem.
    centre, spread = float(logit.mean()), float(logit.std())
    if spread < 1e-9 * (1 + abs(centre)):
        return 0.0, 0.0
    z = (logit - centre) / spread
    solution = minimize(
        objective,
        np.zeros(2),
        args=(z, smoothed, weight),
        jac=True,
        method="L-BFGS-B",
        bounds=((0.0, None), (None, None)),
        options={"ftol": 1e-14, "gtol": 1e-10, "maxiter": 500},
    ).x
    slope = float(solution[0]) / spread
    if slope <= 0:
        return 0.0, 0.0
    bias = float(solution[1]) - slope * centre
    scale = min(1.0, cap / (slope * LIMIT + abs(bias)))
    slope, bias = scale * slope, scale * bias
    baseline = objective(np.zeros(2), z, smoothed, weight)[0]
    fitted = loss(slope * logit + bias, smoothed, weight)
    if not fitted <= baseline + 1e-9:
        raise UsageError(
            f"expected a calibration better than the prior alone, found log loss {fitted:.4f} against "
            f"{baseline:.4f} on the windows it was fitted on; train for longer or give more held-out people."
        )
    return slope, bias


def loss(calibrated: Values, smoothed: Values, weight: Values) -> float:
    """Weighted cross-entropy of calibrated logits."""
    return float(weight @ (np.logaddexp(0, calibrated) - smoothed * calibrated))


def objective(theta: Values, z: Values, smoothed: Values, weight: Values) -> tuple[float, Values]:
    """The objective over (slope, bias) on standardised logits, and its gradient; convex."""
    ridge = RIDGE / len(z)
    calibrated = theta[0] * z + theta[1]
    error = weight * (expit(calibrated) - smoothed)
    value = loss(calibrated, smoothed, weight) + ridge / 2 * float(theta @ theta)
    return value, np.array([error @ z, error.sum()]) + ridge * theta


def check(held_out: Sequence[Prepared], recipe: Recipe) -> None:
    """Whether people of both classes are there to fit the longest windows on. UsageError, before anything is
    trained."""
    seconds = recipe.calibrating.knots_s[-1]
    classes = {s.recording.label for s in _long_enough(held_out, recipe, seconds)}
    if len(classes) < 2:
        found = "none" if not classes else "wins alone" if 1 in classes else "losses alone"
        raise UsageError(
            f"expected held-out recordings of at least {seconds:g} s after wins and after losses, found "
            f"{found}; give longer ones or lower calibrating.knots_s in the recipe."
        )


def _long_enough(held_out: Sequence[Prepared], recipe: Recipe, seconds: float) -> list[Prepared]:
    ticks = int(min(seconds * recipe.window.rate, recipe.window.poses))
    return [s for s in held_out if s.ticks >= ticks]


def centre_and_scale(model: Branches, held_out: Sequence[Prepared], recipe: Recipe) -> tuple[float, float]:
    """Move and scale the fused logit so that windows of the longest knot, without text, use its range.

    The midpoint between the classes moves to 0 (in the head's bias) and the 90th percentile around it to
    ``USUAL``. Otherwise the fusion's bound would clip a network whose logits all lie on one side before a map
    could shift them. Returns the shift and the gain.
    """
    fusion = model.fusion
    fusion.gain.fill_(1.0)
    rng = np.random.default_rng([recipe.seed, 4])
    windows = collect(model, held_out, recipe, recipe.calibrating.knots_s[-1], rng, bounded=False)
    live = {key: v for key, v in windows.items() if "text" not in key} or windows
    parts = [(logit, label > 0.5) for logit, _, label in live.values()]
    both = [(logit, win) for logit, win in parts if win.any() and not win.all()]
    middles = [(np.median(logit[win]) + np.median(logit[~win])) / 2 for logit, win in both]
    shift = float(np.median(middles)) if middles else 0.0
    usual = max(float(np.quantile(np.abs(logit - shift), 0.9)) for logit, _ in parts)
    with torch.no_grad():
        fusion.head.bias.sub_(shift)
    fusion.gain.fill_(min(USUAL / max(usual, 1e-3), MOST_GAIN))
    return shift, float(fusion.gain)


def cap_at(seconds: float, settings: Calibrating) -> float:
    """Largest published logit, without the prior, after this many valid seconds."""
    return settings.cap * min(1.0, seconds / settings.cap_from_s)


def collect(
    model: Branches,
    held_out: Sequence[Prepared],
    recipe: Recipe,
    seconds: float,
    rng: np.random.Generator,
    *,
    bounded: bool = True,
) -> dict[str, tuple[Values, Values, Values]]:
    """Logit, target and label of random windows of ``seconds``, per key of present branches.

    Recordings shorter than the window are left out; the result is empty if all are. Without ``bounded``, the
    logits are those before the fusion's limit.
    """
    stage = Stage(seconds=(seconds, seconds + 1e-6), partial=0.0, sampler=recipe.inference.sampler)
    rows_of: dict[str, list[tuple[float, float, float]]] = {}
    device = next(model.parameters()).device
    held_out = _long_enough(held_out, recipe, seconds)
    if not held_out:
        return {}
    for _ in range(-(-recipe.calibrating.windows // BATCH)):
        cuts = random_cuts(held_out, stage, recipe.window, BATCH, rng)
        batch = assemble(cuts, recipe.window, recipe.target).to(device)
        present = batch.present
        with torch.no_grad():
            vectors = model.vectors(batch, [n for i, n in enumerate(BRANCHES) if present[:, i].any()])
            for chosen in subsets(BRANCHES):
                selected = torch.tensor([name in chosen for name in BRANCHES], device=device)
                rows = (present | ~selected).all(1)
                if not rows.any():
                    continue
                logit = model.fuse(vectors, selected.expand_as(present), bounded=bounded)
                for i in torch.nonzero(rows)[:, 0].tolist():
                    person = cuts[i].source.recording
                    label = float(person.label)
                    # The target is the outcome, even if training used the evidence in a window.
                    target = float(batch.target[i]) if person.mixed else label
                    rows_of.setdefault(key_of(chosen), []).append((float(logit[i]), target, label))
    return {key: tuple(np.array(values).T) for key, values in rows_of.items()}


def calibrate(
    model: Branches, held_out: Sequence[Prepared], recipe: Recipe, branches: Sequence[str]
) -> tuple[Calibration, list[dict[str, float | str]]]:
    """The calibration for every combination of ``branches``, and rows of metrics for the log."""
    model.eval()
    centre_and_scale(model, held_out, recipe)
    settings = recipe.calibrating
    rng = np.random.default_rng([recipe.seed, 3])
    slope: dict[str, list[float]] = {key_of(s): [] for s in subsets(branches)}
    bias: dict[str, list[float]] = {key: [] for key in slope}
    rows: list[dict[str, float | str]] = []
    for seconds in settings.knots_s:
        windows = collect(model, held_out, recipe, seconds, rng)
        for key in slope:
            # A combination without held-out windows has no evidence; one without windows of this length keeps
            # the map of the previous knot.
            a, b = (slope[key][-1], bias[key][-1]) if slope[key] else (0.0, 0.0)
            if key in windows:
                a, b, row = _fitted(*windows[key][:2], cap_at(seconds, settings), settings.smooth)
                rows.append({"branches": key, "seconds": seconds, **row})
            slope[key].append(a)
            bias[key].append(b)
    if not any(any(values) for values in slope.values()):
        reason = "no branch orders held-out wins and losses better than chance: it will publish the prior"
        rows.append({"branches": "all", "seconds": settings.knots_s[-1], "refused": reason})
    return Calibration(
        knots_s=settings.knots_s,
        slope={key: tuple(round(v, 5) for v in values) for key, values in slope.items()},
        bias={key: tuple(round(v, 5) for v in values) for key, values in bias.items()},
    ), rows


def _fitted(
    logit: Values, target: Values, cap: float, smooth: float
) -> tuple[float, float, dict[str, float | str]]:
    """Slope and bias, and a row for the log. Windows of one class give no evidence."""
    try:
        a, b = fit(logit, target, cap, smooth)
    except OneClass as reason:
        return 0.0, 0.0, {"slope": 0.0, "bias": 0.0, "refused": str(reason)}
    return a, b, {"slope": a, "bias": b, **_measured(a * logit + b, target)}


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
