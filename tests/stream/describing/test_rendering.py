"""The text of an answer: stable, what bears on the verdict first, and no verdict in it unless asked for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.describing.labellers.answer import ActionUnit, Answer, Verdict
from stream.describing.rendering import cut_at, form_of, render
from stream.errors import UsageError

UNITS = [
    ActionUnit(code="AU12", name="lip corner puller", start_s=31.0, end_s=32.0, emotion="joy of winning"),
    ActionUnit(code="GACS", name="touching neck", start_s=4.5, end_s=None, emotion="none"),
]


def answer(
    win=("a smile of Iga's reaches the eyes",), loss=("AU4 after 6-4", "he looks defeated"), sure=(60, 40)
):
    return Answer(
        action_units=UNITS,
        evidence_win=list(win),
        evidence_loss=list(loss),
        reflection=["touching neck: sweat, no evidence of a loss"],
        confidence_win=sure[0],
        confidence_loss=sure[1],
    )


def test_a_guarded_text():
    assert render(answer(), names=["Iga Świątek"]) == (
        "Evidence: a smile of … reaches the eyes. AU4 after …. he looks …. "
        "Reflection: touching neck: sweat, no evidence of a …. "
        "Action units: GACS touching neck (none); AU12 lip corner puller (joy of …)."
    )


def test_the_papers_text():
    assert render(answer(), form="paper", names=["Iga Świątek"]) == (
        "Confidence: win 60, loss 40. Evidence for win: a smile of Iga's reaches the eyes. "
        "Evidence for loss: AU4 after 6-4. he looks defeated. "
        "Reflection: touching neck: sweat, no evidence of a loss. "
        "Action units: GACS touching neck (none); AU12 lip corner puller (joy of winning)."
    )


PIECES = st.lists(
    st.sampled_from(["AU4 at 3 s", "AU12", "a nod", "a frown.", "Looks down", "He won", "lost"])
)


@settings(max_examples=200, deadline=None)
@given(PIECES, PIECES, st.floats(0, 100), st.floats(0, 100))
def test_an_exchanged_verdict_reads_the_same(win, loss, sure, unsure):
    """Not even which list is longer, or which came first, is told."""
    said = answer(win, loss, (sure, unsure))
    text = render(said)
    assert render(answer(loss, win, (unsure, sure))) == text
    assert render(answer(win[::-1], loss[::-1], (0, 0))) == text
    assert render(answer([*win, *loss], [], (100, 0))) == text
    assert render(answer([*win, "yawns"], loss, (sure, unsure))) != text  # the evidence itself is told


def test_the_papers_text_tells_the_verdict():
    assert render(answer(("a",), ("b",)), form="paper") != render(answer(("b",), ("a",)), form="paper")
    assert render(answer(sure=(60, 40)), form="paper") != render(answer(sure=(40, 60)), form="paper")


def test_a_bare_verdict_is_nothing_to_read():
    said = Verdict(confidence_win=70, confidence_loss=20.5)
    assert render(said) == ""
    assert render(said, form="paper") == "Confidence: win 70, loss 20.5."


def test_nothing_seen():
    bare = Answer(
        action_units=[],
        evidence_win=["won"],
        evidence_loss=["lost", "  "],
        reflection=[],
        confidence_win=1,
        confidence_loss=2,
    )
    assert render(bare) == ""


def test_one_line_whatever_was_written():
    said = answer(("two\n lines\twide",), ())
    assert "two lines wide." in render(said)
    assert "\n" not in render(said) + render(said, form="paper")


def test_what_a_limit_cuts():
    found = cut_at([10, 512, 513, 700])
    assert (found.texts, found.cut, found.lost, found.longest) == (4, 2, 189, 700)
    assert str(found) == "2 of 4 texts are cut, 189 pieces lost, the longest has 700"
    assert str(cut_at([])) == "0 of 0 texts are cut, 0 pieces lost, the longest has 0"
    assert cut_at([10, 20], 12).lost == 8


def test_a_form_that_nobody_knows():
    assert form_of("paper") == "paper"
    with pytest.raises(UsageError, match=r"^expected --text guarded or paper, found plain; choose"):
        form_of("plain")
