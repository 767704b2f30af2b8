"""From the fused logit to an honest confidence: an affine map per valid seconds and present branches.

Fitted on subjects that were never trained on, with both classes weighing the same, so that
``slope·z + bias`` is a log-likelihood ratio and the prior can be added where it is used. The fused logit is
centred and scaled first. It cannot leave ±``LIMIT``, so a map bounds what is published: in proportion to the
seconds seen, a short window cannot be sure of anything, whatever it shows. A bound scales the whole map; it
never moves the decision boundary.
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
RIDGE = 1.0  # observations' worth of pull on slope and bias towards 0
BATCH = 16
USUAL = 0.6 * LIMIT  # where the 90th percentile of the centred logits is put
MOST_GAIN = 10.0


class OneClass(UsageError):
    """The windows to fit on show one class alone."""


def fit(logit: Values, target: Values, cap: float, smooth: float = 0.02) -> tuple[float, float]:
    """Slope ≥ 0 and bias of the map, by class-balanced cross-entropy with a weak pull towards 0.

    ``target`` is a label or a probability of win. ``cap`` bounds |slope·z + bias| for every possible logit: a
    map beyond it is scaled as a whole, which leaves its decision boundary where it is. Logits that order the
    classes no better than chance give (0, 0): no evidence.

    Raises OneClass for windows of one class alone, and UsageError for logits that are no numbers or a map
    that would be worse than the prior on these very windows.
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
    aim = smooth + (1 - 2 * smooth) * target
    # Centred and scaled, so that neither a shift nor a scale of the logits changes the problem.
    centre, spread = float(logit.mean()), float(logit.std())
    if spread < 1e-9 * (1 + abs(centre)):
        return 0.0, 0.0
    z = (logit - centre) / spread
    found = minimize(
        objective,
        np.zeros(2),
        args=(z, aim, weight),
        jac=True,
        method="L-BFGS-B",
        bounds=((0.0, None), (None, None)),
        options={"ftol": 1e-14, "gtol": 1e-10, "maxiter": 500},
    ).x
    slope = float(found[0]) / spread
    if slope <= 0:
        return 0.0, 0.0
    bias = float(found[1]) - slope * centre
    within = min(1.0, cap / (slope * LIMIT + abs(bias)))
    slope, bias = within * slope, within * bias
    nothing = objective(np.zeros(2), z, aim, weight)[0]
    reached = loss(slope * logit + bias, aim, weight)
    if not reached <= nothing + 1e-9:
        raise UsageError(
            f"expected a calibration better than the prior alone, found log loss {reached:.4f} against "
            f"{nothing:.4f} on the windows it was fitted on; train for longer or give more held-out people."
        )
    return slope, bias


def loss(calibrated: Values, aim: Values, weight: Values) -> float:
    """Weighted cross-entropy of calibrated logits."""
    return float(weight @ (np.logaddexp(0, calibrated) - aim * calibrated))


def objective(theta: Values, z: Values, aim: Values, weight: Values) -> tuple[float, Values]:
    """What the fit minimises over (slope, bias) on standardised logits, and its gradient; convex."""
    ridge = RIDGE / len(z)
    calibrated = theta[0] * z + theta[1]
    off = weight * (expit(calibrated) - aim)
    value = loss(calibrated, aim, weight) + ridge / 2 * float(theta @ theta)
    return value, np.array([off @ z, off.sum()]) + ridge * theta


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

    The middle between the classes goes to 0 (into the head's bias) and the 90th percentile around it to
    ``USUAL``. Without it a network whose logits all lie on one side would be cut off by the fusion's bound
    before any map could move them. Returns the shift and the gain.
    """
    fusion = model.fusion
    fusion.gain.fill_(1.0)
    rng = np.random.default_rng([recipe.seed, 4])
    found = collect(model, held_out, recipe, recipe.calibrating.knots_s[-1], rng, bounded=False)
    live = {key: v for key, v in found.items() if "text" not in key} or found
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
    """Largest published logit, the prior aside, after so many valid seconds."""
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

    Recordings that are too short for such a window are left out; nothing is found where all are. Logits that
    are not ``bounded`` are those before the fusion's limit.
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
                logit = model.fuse(vectors, wanted.expand_as(there), bounded=bounded)
                for i in torch.nonzero(rows)[:, 0].tolist():
                    person = cuts[i].source.recording
                    label = float(person.label)
                    # The outcome is what counts, also where windows were taught the evidence in them.
                    target = float(batch.target[i]) if person.mixed else label
                    found.setdefault(key_of(chosen), []).append((float(logit[i]), target, label))
    return {key: tuple(np.array(values).T) for key, values in found.items()}


def calibrate(
    model: Branches, held_out: Sequence[Prepared], recipe: Recipe, branches: Sequence[str]
) -> tuple[Calibration, list[dict[str, float | str]]]:
    """The manifest's record for every combination of ``branches``, and what was measured on the way."""
    model.eval()
    centre_and_scale(model, held_out, recipe)
    settings = recipe.calibrating
    rng = np.random.default_rng([recipe.seed, 3])
    slope: dict[str, list[float]] = {key_of(s): [] for s in subsets(branches)}
    bias: dict[str, list[float]] = {key: [] for key in slope}
    rows: list[dict[str, float | str]] = []
    for seconds in settings.knots_s:
        found = collect(model, held_out, recipe, seconds, rng)
        for key in slope:
            # A combination that no held-out recording shows has no evidence; one that none shows for so long
            # keeps what was fitted for less.
            a, b = (slope[key][-1], bias[key][-1]) if slope[key] else (0.0, 0.0)
            if key in found:
                a, b, row = _fitted(*found[key][:2], cap_at(seconds, settings), settings.smooth)
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
    """Slope and bias, and what is logged of them. Windows of one class alone are no evidence."""
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
