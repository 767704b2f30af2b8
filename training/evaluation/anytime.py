"""Anytime curves: metrics against seconds watched."""

from collections.abc import Sequence
from itertools import groupby

from training.evaluation.intervals import LEVEL, RESAMPLES, Point, bootstrap
from training.evaluation.metrics import Metric
from training.evaluation.predictions import Prediction
from training.evaluation.voting import vote


def curve(
    predictions: Sequence[Prediction],
    metric: Metric,
    *,
    at: Sequence[float] | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> list[Point]:
    """``metric`` with its interval over subjects after each of ``at`` seconds (None: all that occur).

    ``predictions`` hold many moments of each video; several predictions of one moment are averaged first.
    Every point covers all videos: a video that has ended keeps its last prediction, and one without a
    prediction yet counts as undecided (0.5), so that all points are about the same people. ``Point.n`` is the
    number of videos with a prediction at that time or later.
    """
    moments = {
        id: [vote(list(same))[0] for _, same in groupby(group, key=lambda p: p.seconds)]
        for id, group in groupby(sorted(predictions, key=lambda p: (p.id, p.seconds)), key=lambda p: p.id)
    }
    times = sorted({p.seconds for p in predictions}) if at is None else at
    points = []
    for seconds in times:
        latest = [_latest(group, seconds) for group in moments.values()]
        figure = bootstrap(latest, {"": metric}, resamples=resamples, level=level, seed=seed)[""]
        points.append(Point(seconds, figure, sum(group[-1].seconds >= seconds for group in moments.values())))
    return points


def _latest(moments: list[Prediction], seconds: float) -> Prediction:
    first = moments[0]
    undecided = Prediction(
        id=first.id, subject=first.subject, label=first.label, win=0.5, logit=0.0, seconds=0.0
    )
    return [undecided, *(p for p in moments if p.seconds <= seconds)][-1]
