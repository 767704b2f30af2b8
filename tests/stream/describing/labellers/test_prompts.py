"""Prompts are found by name and version, filled with their rules, and known by what they say."""

import re

import pytest

from stream.describing.labellers.answer import Answer, Verdict
from stream.describing.labellers.prompts import PLACE, PROMPTS, load, read_rules
from stream.errors import UsageError

RULES = '[[rules]]\nrule = "Yawning says nothing."\nreason = "It is late."\n'


def test_the_newest_version_is_meant_without_one():
    assert load("cot_reflection") == load("cot_reflection-1")
    assert (load("plain").name, load("plain").version, load("plain").schema) == ("plain", "1", Verdict)
    assert load("cot_reflection").schema is Answer


@pytest.mark.parametrize("name", ["plain", "cot_reflection"])
def test_every_prompt_says_muted_and_asks_for_each_field(name):
    prompt = load(name)
    assert "muted" in prompt.text
    assert PLACE not in prompt.text
    assert "<!--" not in prompt.text
    at = [prompt.text.index(f"`{field}`") for field in prompt.schema.model_fields]
    assert at == sorted(at)  # the order of thought
    assert re.fullmatch(rf"{name}-1-[0-9a-f]{{12}}", prompt.key)


def test_abbreviations_are_not_expanded():
    """What PGCS and GACS stand for was never found."""
    text = load("cot_reflection").text
    assert "PGCS" in text
    assert "GACS" in text
    assert not re.search(r"(PGCS|GACS)\s*\(|\((PGCS|GACS)\)|Coding System", text)


def test_every_rule_has_its_reason_and_is_in_the_prompt():
    rules, text = read_rules(PROMPTS / "rules-1.toml"), load("cot_reflection").text
    assert len(rules) >= 8
    for rule in rules:
        assert len(rule.reason) > 10
        assert f"{rule.rule} Reason: {rule.reason}" in text
    assert any("itch" in r.reason and "Scratching" in r.rule for r in rules)


def test_another_rule_is_another_key(tmp_path):
    (tmp_path / "own.toml").write_text(RULES)
    own, ours = load("cot_reflection", tmp_path / "own.toml"), load("cot_reflection")
    assert "1. Yawning says nothing. Reason: It is late." in own.text
    assert "itch" not in own.text
    assert own.key != ours.key
    assert own.sha256 != ours.sha256


def test_a_prompt_of_ones_own(tmp_path):
    path = tmp_path / "short.md"
    path.write_text("<!-- answer: Verdict -->\nA muted video: won or lost?\n")
    own = load(str(path))
    assert (own.name, own.version, own.schema) == ("short", "", Verdict)
    assert own.text == "A muted video: won or lost?\n"
    assert own.key == f"short-{own.sha256[:12]}"
    path.rename(tmp_path / "short-12.md")
    assert load(str(tmp_path / "short-12.md")).key == f"short-12-{own.sha256[:12]}"


@pytest.mark.parametrize(
    ("name", "text", "rules", "sentence"),
    [
        (
            "nothing",
            None,
            None,
            r"^nothing: expected a prompt \(cot_reflection, plain\) or an \.md file, found",
        ),
        ("cot_reflection-99", None, None, r"^cot_reflection-99: expected a prompt"),
        ("gone.md", None, None, r"gone\.md: expected a prompt, found no readable file"),
        ("own.md", "Won?", None, r"expected a first line <!-- answer: Answer or Verdict -->, found another"),
        ("own.md", "<!-- answer: Path -->\nWon?", None, "expected a first line"),
        ("plain", None, RULES, r"plain-1\.md: expected \{rules\} as a place for the rules, found none"),
        (
            "cot_reflection",
            None,
            "[[rules]]\nrule = 3\n",
            r"expected \[\[rules\]\] with rule and reason, found",
        ),
        ("cot_reflection", None, "rules", r"expected \[\[rules\]\] with rule and reason, found"),
        ("cot_reflection", None, "", r"expected \[\[rules\]\] with rule and reason, found"),
    ],
)
def test_what_cannot_be_read(tmp_path, monkeypatch, name, text, rules, sentence):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / name).write_text(text)
    if rules is not None:
        (tmp_path / "rules.toml").write_text(rules)
    with pytest.raises(UsageError, match=sentence) as error:
        load(name, None if rules is None else tmp_path / "rules.toml")
    assert "\n" not in str(error.value)
