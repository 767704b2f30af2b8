"""Recipes as tables: what is laid over what, what is set on the command line, everything wrong at once."""

from typing import Annotated

import msgspec
import pytest

from stream.errors import UsageError
from training.recipe_text import assigned, merged, problems, without


class Stage(msgspec.Struct):
    steps: Annotated[int, msgspec.Meta(ge=0)] = 1
    seconds: tuple[float, float] = (1.0, 2.0)


class Whole(msgspec.Struct):
    name: str
    stage: Stage = msgspec.field(default_factory=Stage)


def test_sections_are_merged_and_neither_side_is_changed():
    base, own = {"a": 1, "s": {"x": 1, "y": 2}}, {"b": 3, "s": {"y": 5}}
    assert merged(base, own) == {"a": 1, "b": 3, "s": {"x": 1, "y": 5}}
    assert (base["s"], own["s"]) == ({"x": 1, "y": 2}, {"y": 5})


@pytest.mark.parametrize(("base", "own"), [({"s": {"x": 1}}, {"s": 3}), ({"s": 3}, {"s": {"x": 1}})])
def test_a_section_and_a_value_replace_each_other(base, own):
    assert merged(base, own) == own


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("steps=3", {"steps": 3}),
        ("a.b.c=true", {"a": {"b": {"c": True}}}),
        (" a . b = 1.5 ", {"a": {"b": 1.5}}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ("a=plain words", {"a": "plain words"}),
        ('a="quoted"', {"a": "quoted"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ("a=1\nb=2", {"a": "1\nb=2"}),  # one value is one value
    ],
)
def test_what_is_set_is_toml_where_it_can_be(text, table):
    assert assigned([text]) == table


def test_several_are_laid_over_each_other_in_order():
    assert assigned(["s.x=1", "s.y=2", "s.x=3"]) == {"s": {"x": 3, "y": 2}}


@pytest.mark.parametrize("text", ["steps", "=3", "a..b=3", ".a=3", "a.=3", ""])
def test_what_sets_nothing_is_one_sentence(text):
    with pytest.raises(UsageError, match=r"^expected --set section\.key=value, found .*say\.$"):
        assigned([text])


def test_every_problem_is_found_with_its_path():
    raw = {"name": 3, "size": 1, "stage": {"steps": -1, "epochs": 2, "seconds": [1, "long"]}}
    found = dict(problems(raw, Whole))
    assert set(found) == {"name", "size", "stage.steps", "stage.epochs", "stage.seconds"}
    assert found["size"] == "expected one of name, stage, found 'size'"
    assert found["stage.epochs"] == "[stage] expected one of steps, seconds, found 'epochs'"
    assert found["stage.steps"].endswith("at `$.stage.steps`")
    assert found["stage.seconds"].endswith("at `$.stage.seconds[1]`")


def test_a_sound_recipe_has_none():
    assert list(problems({"name": "x", "stage": {"steps": 0}}, Whole)) == []


def test_values_are_taken_out_by_their_paths_and_the_table_stays():
    raw = {"a": 1, "s": {"x": 1, "y": 2}}
    assert without(raw, ["a", "s.x", "nothing"]) == {"s": {"y": 2}}
    assert raw == {"a": 1, "s": {"x": 1, "y": 2}}
