"""What each part of a corpus is for, said in a line each; parts without anybody are left out."""

from types import SimpleNamespace

import pytest

from training.data.purposes import purposes


def people(*subjects):
    return [SimpleNamespace(recording=SimpleNamespace(subject=subject)) for subject in subjects]


def materials(*, setting="inductive", simulated=False, told=(), pseudo=(), confidences=()):
    pools = SimpleNamespace(
        labelled=people("a", "a", "b"),
        pseudo=people(*pseudo),
        confidences=dict.fromkeys(confidences, 0.5),
        validation=people("c"),
        held_out=[],
    )
    return SimpleNamespace(
        pools=pools,
        setting=setting,
        simulated=simulated,
        labels=SimpleNamespace(wins=dict.fromkeys(told, 0.9)),
        test=people("d", "e"),
    )


def test_a_line_a_part_with_its_videos_and_people():
    assert purposes(materials(told=("v1",))) == [
        "training under their labels: 3 videos of 2 people",
        "early stopping: 1 videos of 1 people",
        "test: 2 videos of 2 people",
    ]


def test_where_no_labeller_spoke_everybody_s_label_serves_and_it_is_said():
    first = purposes(materials())[0]
    assert "those of splitting.hidden too, as no labeller's confidences came with --labels" in first


@pytest.mark.parametrize(("setting", "who"), [("inductive", "hidden"), ("transductive", "test")])
def test_whose_pseudo_labels_are_learnt_from_and_how_many_have_none(setting, who):
    found = purposes(materials(setting=setting, told=("v1",), pseudo=("x", "y", "z"), confidences=("v1",)))
    assert found[1] == (
        f"stage 2 under pseudo-labels, the {who} people (2 not used: no labeller's confidence): "
        "3 videos of 3 people"
    )
