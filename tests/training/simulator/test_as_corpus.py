"""Made-up people as a source: losses and wins in turn, repeatable, and more may be asked for."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.simulator.as_corpus import source


def test_more_people_begin_with_the_same_ones():
    few, more = source("made", recordings=2, seconds=1.2), source("made", recordings=4, seconds=1.2)
    assert [v.id for v in more.videos] == ["made-00000", "made-00001", "made-00002", "made-00003"]
    recordings = [v.read()[0] for v in more.videos]
    assert [r.label for r in recordings] == [0, 1, 0, 1]
    for video, recording in zip(few.videos, recordings, strict=False):
        assert np.array_equal(video.read()[0].points, recording.points)


def test_it_says_that_it_is_made_up():
    about = source("made", profile="demo", seed=9).about
    assert about.simulated
    assert about.provenance.startswith("simulator, profile demo, 100 s each, seeds from 9; ")


def test_an_unknown_profile_is_one_sentence():
    with pytest.raises(
        UsageError, match=r"loud: expected a profile of .*standard.*, found another; choose one"
    ):
        source("made", profile="loud")
