"""The share of wins differs between where a model learns and where it is used: iMiGUE's 78 % and 54 %."""

import numpy as np

from stream.errors import UsageError
from training.evaluation.metrics import Values


def shift(win: Values, from_prior: float, to_prior: float) -> Values:
    """Confidences [N] that were calibrated under one share of wins, as they must be under another.

    Bayes: the odds are multiplied by the ratio of the priors' odds; what the videos show of each class is
    taken to be the same. 0 and 1 stay. Raises UsageError for a prior outside 0..1 or at its ends.
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
    """Answers [N] (1 win, 0 loss) that call the most confident ``share`` of the videos wins.

    **Transductive**: an answer depends on every other test video, so the whole test set must be there, and
    ``share`` must come from elsewhere than its labels. Equal confidences that lie across the cut get 0.5
    (undecided, counts half), since their order is no evidence. Raises UsageError for a share outside 0..1.
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
