"""An answer is read strictly: what is not of the schema is named, and what was said is kept."""

import json

import pytest

from stream.describing.labellers.answer import ActionUnit, Answer, Verdict, parse
from stream.errors import DescriptionError, DescriptionMalformed

UNIT = {"code": "AU12", "name": "lip corner puller", "start_s": 3, "end_s": None, "emotion": "joy"}
WHOLE = {
    "action_units": [UNIT],
    "evidence_win": ["a smile that reaches the eyes"],
    "evidence_loss": [],
    "reflection": ["it was seen twice"],
    "confidence_win": 60,
    "confidence_loss": 20.0,
}
PLAIN = {"confidence_win": 30.0, "confidence_loss": 70.0}


def text(**changes):
    return json.dumps(WHOLE | changes)


def test_what_was_written_is_read():
    said = parse(text(), Answer)
    assert said.action_units == [ActionUnit(**UNIT | {"start_s": 3.0})]
    assert said.model_dump() == WHOLE
    assert parse(said.model_dump_json(), Answer) == said
    assert parse(json.dumps(PLAIN), Verdict).model_dump() == PLAIN


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}\n```\n", "\n  {}\n"])
def test_an_answer_copied_from_a_chat(fence):
    assert parse(fence.replace("{}", text()), Answer) == parse(text(), Answer)


def test_the_schema_is_in_the_order_of_thought():
    """A model that is held to a schema writes the fields in its order: confidences must come last."""
    assert list(Answer.model_json_schema()["properties"]) == [
        "action_units",
        "evidence_win",
        "evidence_loss",
        "reflection",
        "confidence_win",
        "confidence_loss",
    ]
    assert Answer.model_json_schema()["required"] == list(Answer.model_fields)


@pytest.mark.parametrize(
    ("win", "loss", "chance", "label"),
    [(60, 20, 0.75, 1), (10, 90, 0.1, 0), (50, 50, 0.5, None), (0, 0, 0.5, None), (100, 0, 1.0, 1)],
)
def test_the_larger_confidence_is_the_label(win, loss, chance, label):
    said = Verdict(confidence_win=win, confidence_loss=loss)
    assert said.win == pytest.approx(chance)
    assert said.label == label
    whole = parse(text(confidence_win=win, confidence_loss=loss), Answer)
    assert (whole.win, whole.label) == (said.win, said.label)


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ("", "the text"),
        ("I cannot see the video.", "the text"),
        (text()[:-20], "the text"),
        ("[]", "the text"),
        (text(confidence_win=101), "confidence_win"),
        (text(confidence_loss=-1), "confidence_loss"),
        (text(confidence_win=float("nan")), "confidence_win"),
        (text(confidence_win=float("inf")), "confidence_win"),
        (text(confidence_win="sixty"), "confidence_win"),
        (text(confidence_win="160"), "confidence_win"),
        (text(confidence_win="60 or 70"), "confidence_win"),
        (text(confidence_win=None), "confidence_win"),
        (text(evidence_win="one"), "evidence_win"),
        (text(evidence_win=[1]), "evidence_win.0"),
        (text(action_units=[UNIT | {"start_s": -1}]), "action_units.0.start_s"),
        (
            text(action_units=[UNIT, {k: v for k, v in UNIT.items() if k != "emotion"}]),
            "action_units.1.emotion",
        ),
        (json.dumps(PLAIN), "action_units"),
    ],
)
def test_what_is_not_of_the_schema(raw, at):
    with pytest.raises(
        DescriptionMalformed, match=rf"^expected JSON of action_units, .* fault at {at} \("
    ) as e:
        parse(raw, Answer)
    assert isinstance(e.value, DescriptionError)
    assert e.value.raw == raw
    assert "\n" not in str(e.value)
    assert str(e.value).endswith("; ask again, or correct the answer.")


@pytest.mark.parametrize("written", ["70", "70%", " 70 % ", "70.0", 70, 70.0])
def test_a_number_may_be_written_as_text(written):
    assert parse(text(confidence_win=written), Answer).confidence_win == 70.0


def test_fields_that_nobody_asked_for_are_passed_over():
    assert parse(text(winner="A", action_units=[UNIT | {"side": "left"}]), Answer) == parse(text(), Answer)


@pytest.mark.parametrize(
    "around", ["Here is my answer:\n{}\nI hope it helps.", "Sure! ```json\n{}\n``` Done.", "{}\n\n"]
)
def test_prose_around_the_answer_is_passed_over(around):
    assert parse(around.replace("{}", text(action_units=[UNIT])), Answer) == parse(
        text(action_units=[UNIT]), Answer
    )
