"""What is asked: each content once, again where the answer may change, and counted beforehand."""

import json

import pytest
from gemini_server import GOOD, Fault
from label_command import IDS, lines

pytestmark = pytest.mark.slow


def test_one_more_video_is_one_more_request(server, label, films, out):
    late = (films / "0003.mp4").rename(films.parent / "late.mp4")
    label()
    late.rename(films / "0003.mp4")
    label()
    assert len(server.of("generate")) == 4
    assert list(lines(out)) == IDS


def test_the_same_content_is_asked_about_once(server, label, films, out):
    (films / "0009.mp4").write_bytes((films / "0002.mp4").read_bytes())
    label("--workers", 4)
    assert len(server.of("generate")) == 4
    assert lines(out)["0009"]["win"] == 0.7


@pytest.mark.parametrize(
    "change",
    [
        ("--model", "gemini-other"),
        ("--prompt", "plain"),
        ("--fps", 8),
        ("--resolution", "medium"),
        ("--seed", 3),
    ],
)
def test_whatever_may_change_an_answer_asks_again(server, label, change):
    server.answer = lambda asked: json.dumps(
        {name: GOOD[name] for name in asked.json()["generationConfig"]["responseJsonSchema"]["properties"]}
    )
    label()
    assert label(*change).exit_code == 0
    assert len(server.of("generate")) == 8


def test_an_edited_rule_asks_again(server, label, tmp_path):
    rules = tmp_path / "rules.toml"
    for rule in ("A blink is a blink.", "A blink is no more than that."):
        rules.write_text(f'[[rules]]\nrule = "{rule}"\nreason = "It is."\n')
        label("--rules", rules)
    assert len(server.of("generate")) == 8
    assert rule in server.of("generate")[-1].json()["contents"][0]["parts"][1]["text"]


def test_what_failed_is_asked_again_only_on_demand(server, label, out):
    server.faults["generate"].append(Fault(response={"candidates": []}))
    label()
    said = label().output
    assert "failed: 0001: " in said
    assert "nothing said" in said
    assert len(server.of("generate")) == 4
    assert "4 answered, 0 failed" in label("--retry-failed").output
    assert len(server.of("generate")) == 5
    assert [line["win"] for line in lines(out).values()] == [0.7] * 4


def test_a_dry_run_counts_pictures_and_prompt(server, label, tmp_path):
    prompt = tmp_path / "mine.md"
    prompt.write_text("<!-- answer: Verdict -->\n" + "word" * 1000)
    said = [label("--dry-run", "--prompt", prompt, "--resolution", r).output for r in ("low", "medium")]
    each = [4 * 64 + 1000, 4 * 256 + 1000]
    for text, tokens in zip(said, each, strict=True):
        assert f"4 requests, about {4 * tokens} tokens in, the largest about {tokens}, and 6000 out" in text


def test_a_dry_run_knows_what_is_kept(server, label):
    label("--max-requests", 3)
    said = label("--dry-run").output
    assert "4 videos, 3 without a request\n1 requests" in said
    assert "and 200 out (200 an answer, as in 3 kept ones)" in said
