"""What is kept, and under which key."""

import json
from dataclasses import replace

import pytest
from gemini_server import GOOD

from stream.describing.labellers import prompts
from stream.describing.labellers.answer import Answer
from stream.describing.labellers.provider import Reply, Sampling
from stream.errors import UsageError
from training.labelling.cache import Cache, key_of

PROMPT = prompts.load("cot_reflection")
LOOK = Sampling("model-1")
SHA = "ab" * 32
KEY = key_of(SHA, PROMPT, LOOK)
REPLY = Reply(json.dumps(GOOD) + "\n", Answer.model_validate(GOOD), "model-1-002", 100, 20)


def test_an_answer_comes_back_verbatim(tmp_path):
    cache = Cache(tmp_path / "answers")
    assert cache.get(KEY) is None
    cache.put(KEY, "0001", REPLY)
    kept = cache.get(KEY)
    assert (kept.raw, kept.served, kept.tokens_in, kept.tokens_out) == (REPLY.raw, "model-1-002", 100, 20)
    assert kept.answer(PROMPT) == REPLY.answer
    assert [p.name for p in (tmp_path / "answers").iterdir()] == [KEY.name]


def test_a_failure_is_kept_with_its_reason_and_words(tmp_path):
    cache = Cache(tmp_path)
    cache.fail(KEY, "0001", "it would not say", raw="no")
    kept = cache.get(KEY)
    assert (kept.failed, kept.raw, kept.answer(PROMPT)) == ("it would not say", "no", None)
    cache.put(KEY, "0001", REPLY)
    assert cache.get(KEY).answer(PROMPT) == REPLY.answer


def test_a_kept_answer_of_another_schema_is_none(tmp_path):
    cache = Cache(tmp_path)
    cache.put(KEY, "0001", replace(REPLY, raw='{"confidence_win": 1}'))
    assert cache.get(KEY).answer(PROMPT) is None


@pytest.mark.parametrize(
    "other",
    [
        key_of(SHA, PROMPT, replace(LOOK, model="model-2")),
        key_of(SHA, PROMPT, replace(LOOK, fps=8.0)),
        key_of(SHA, PROMPT, replace(LOOK, resolution="medium")),
        key_of(SHA, PROMPT, replace(LOOK, temperature=0.5)),
        key_of(SHA, PROMPT, replace(LOOK, seed=1)),
        key_of(SHA, prompts.load("plain"), LOOK),
        key_of(SHA, replace(PROMPT, sha256="0" * 64), LOOK),
        key_of("cd" * 32, PROMPT, LOOK),
    ],
)
def test_whatever_may_change_an_answer_changes_its_key(tmp_path, other):
    cache = Cache(tmp_path)
    cache.put(KEY, "0001", REPLY)
    assert cache.get(other) is None


@pytest.mark.parametrize("content", ["", "{", '{"id": "0001"}'])
def test_a_damaged_answer_is_one_sentence(tmp_path, content):
    (tmp_path / KEY.name).write_text(content)
    with pytest.raises(UsageError, match="expected a kept answer, found none that reads"):
        Cache(tmp_path).get(KEY)


def test_an_answer_under_another_s_name_is_one_sentence(tmp_path):
    cache = Cache(tmp_path)
    cache.put(KEY, "0001", REPLY)
    other = key_of(SHA, PROMPT, replace(LOOK, seed=1))
    (tmp_path / KEY.name).rename(tmp_path / other.name)
    with pytest.raises(UsageError, match="expected the answer of its name, found another's"):
        cache.get(other)
