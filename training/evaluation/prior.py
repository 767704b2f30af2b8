"""Corrects for a share of wins that differs between training and use: in iMiGUE 78 % and 54 %."""

import numpy as np

from stream.errors import UsageError
from training.evaluation.metrics import Values


def shift(win: Values, from_prior: float, to_prior: float) -> Values:
    """Confidences [N] calibrated for one share of wins, converted to another.

    Bayes' rule: the odds are multiplied by the ratio of the priors' odds; the videos of each class are
    assumed to have the same distribution. 0 and 1 stay. Raises UsageError for a prior that is not strictly
    between 0 and 1.
    """
    for prior in (from_prior, to_prior):
        if not 0 < prior < 1:
            raise UsageError(
                f"expected a share of wins between 0 and 1, both excluded, found {prior}; give another prior."
            )
    wins = win * (to_prior / from_prior)
    losses = (1 - win) * ((1 - to_prior) / (1 - from_prior))
    return wins / (wins + losses)


def quantile_threshold(win: Values, share: float) -> Values:
    """Predicted classes [N] (1 win, 0 loss): the most confident ``share`` of the videos are wins.

    **Transductive**: a prediction depends on every other test video, so the whole test set is needed, and
    ``share`` must not come from its labels. Tied confidences at the threshold get 0.5 (undecided, counts
    half). Raises UsageError for a share outside 0..1.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"expected a share of videos in 0..1, found {share}; give another share.")
    count = round(share * len(win))
    if count in (0, len(win)):
        return np.full(len(win), float(count > 0))
    ordered = np.sort(win)[::-1]
    last_in, first_out = ordered[count - 1], ordered[count]
    if last_in == first_out:
        answers: Values = np.where(win == last_in, 0.5, win > last_in)
        return answers
    called: Values = (win >= last_in).astype(float)
    return called
