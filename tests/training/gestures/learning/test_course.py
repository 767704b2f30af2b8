"""One branch learns: a killed one ends with the same weights, and it does learn."""

import msgspec
import numpy as np
import pytest
import torch

from training.gestures.learning import course
from training.gestures.learning.course import Taught, predict, train
from training.gestures.runs.branches import labelled
from training.learning.log import Log


def weights(branch):
    return {k: v.clone() for k, v in branch.state_dict().items()}


@pytest.mark.parametrize(("name", "optimiser"), [("coordinates", "adamw"), ("joints", "sgd")])
def test_a_killed_branch_ends_with_the_same_weights(
    quick_gestures, ground, tmp_path, monkeypatch, name, optimiser
):
    settings = msgspec.structs.replace(
        getattr(quick_gestures, name),
        course=msgspec.structs.replace(quick_gestures.coordinates.course, optimiser=optimiser, steps=6),
    )
    recipe = msgspec.structs.replace(quick_gestures, **{name: settings})
    taught, read = labelled(ground), ground.reader(name, recipe)
    whole = weights(train(name, recipe, read, taught, name))
    steps, real = [], course.members

    def stops(*arguments):
        steps.append(arguments[-1])
        if len(steps) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(course, "members", stops)
    with pytest.raises(KeyboardInterrupt):
        train(name, recipe, read, taught, name, tmp_path)
    again = weights(train(name, recipe, read, taught, name, tmp_path))
    assert steps == [0, 1, 2, 3, 4, 5, 4, 5]  # every second step was kept
    for key, value in whole.items():
        assert torch.equal(value, again[key]), key
    assert not list(tmp_path.glob("*part*"))


def test_labels_decide_what_is_learnt(quick_gestures, ground):
    read, taught = ground.reader("coordinates", quick_gestures), labelled(ground)
    one = weights(train("coordinates", quick_gestures, read, taught, "coordinates"))
    same = weights(train("coordinates", quick_gestures, read, taught, "coordinates"))
    other = Taught(taught.places, (taught.labels + 1) % 32, taught.weights)
    third = weights(train("coordinates", quick_gestures, read, other, "coordinates"))
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert not all(torch.equal(one[k], third[k]) for k in one)


@pytest.mark.slow
def test_it_learns_and_says_so(quick_gestures, ground):
    longer = msgspec.structs.replace(
        quick_gestures.coordinates,
        course=msgspec.structs.replace(quick_gestures.coordinates.course, steps=60, batch=32, rate=1e-2),
    )
    recipe = msgspec.structs.replace(quick_gestures, coordinates=longer)
    log, read, taught = Log(), ground.reader("coordinates", recipe), labelled(ground)
    branch = train("coordinates", recipe, read, taught, "coordinates", log=log)
    assert log.lines[-1]["loss"] < 0.8 * log.lines[0]["loss"]
    right = (predict(branch, read, taught.places).argmax(1) == taught.labels).mean()
    assert right > 1.3 * np.bincount(taught.labels).max() / len(taught.labels)


def test_predictions_are_the_same_whatever_the_batch(quick_gestures, ground):
    read, taught = ground.reader("coordinates", quick_gestures), labelled(ground)
    branch = train("coordinates", quick_gestures, read, taught, "coordinates")
    a, b = (predict(branch, read, taught.places, batch) for batch in (3, 64))
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert predict(branch, read, taught.places[:0]).shape == (0, 32)
