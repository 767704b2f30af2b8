"""Answers made elsewhere."""

import json

import pytest
from gemini_server import GOOD

from stream.describing.labellers import prompts
from stream.describing.labellers.answer import Answer
from stream.describing.labellers.answers_file import AnswersFile
from stream.describing.labellers.provider import Clip, Reply, Sampling
from stream.errors import DescriptionMalformed, DescriptionRefused, UsageError

PROMPT = prompts.load("cot_reflection")
LOOK = Sampling("elsewhere")


@pytest.fixture
def opened(tmp_path):
    def make(*lines):
        path = tmp_path / "answers.jsonl"
        texts = (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
        path.write_text("\n".join(texts), encoding="utf-8")
        return AnswersFile(path)

    return make


def clip(tmp_path, id="0001", sha256="ab" * 32):
    return Clip(tmp_path / "a.mp4", sha256, 1.0, id)


def test_an_answer_is_found_by_id_or_by_content_and_content_comes_first(opened, tmp_path):
    other = GOOD | {"confidence_win": 5.0}
    answers = opened({"id": "0001", "raw": GOOD}, "", {"sha256": "cd" * 32, "raw": json.dumps(other)})
    kept = []
    reply = answers.describe(clip(tmp_path), PROMPT, LOOK, kept.append)
    assert reply == Reply(json.dumps(GOOD), Answer.model_validate(GOOD), "elsewhere")
    assert kept == [reply]
    assert answers.describe(clip(tmp_path, sha256="cd" * 32), PROMPT, LOOK).answer.confidence_win == 5
    answers.close()


def test_words_stay_as_they_are(opened, tmp_path):
    raw = json.dumps(GOOD | {"reflection": ["Müde? –\u2028Ja."]}, ensure_ascii=False)
    assert opened({"id": "0001", "raw": raw}).describe(clip(tmp_path), PROMPT, LOOK).raw == raw
    told = opened({"id": "0001", "raw": json.loads(raw)}).describe(clip(tmp_path), PROMPT, LOOK)
    assert told.raw == raw


def test_no_answer_is_a_refusal(opened, tmp_path):
    with pytest.raises(DescriptionRefused, match="expected an answer for 0002, found none; add a line"):
        opened({"id": "0001", "raw": GOOD}).describe(clip(tmp_path, "0002"), PROMPT, LOOK)


def test_a_malformed_answer_keeps_its_words(opened, tmp_path):
    with pytest.raises(DescriptionMalformed) as caught:
        opened({"id": "0001", "raw": "I cannot say."}).describe(clip(tmp_path), PROMPT, LOOK)
    assert caught.value.raw == "I cannot say."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "line 2: expected JSON with id or sha256, and raw, found 'nonsense'"),
        ('{"id": "0002"}', "line 2: expected JSON with id or sha256, and raw"),
        ('{"raw": "{}"}', "line 2: expected an id or sha256 of its own, found None"),
        ('{"id": "0001", "raw": "{}"}', "line 2: expected an id or sha256 of its own, found '0001'"),
    ],
)
def test_a_malformed_line_is_one_sentence(opened, line, words):
    with pytest.raises(UsageError, match=words):
        opened({"id": "0001", "raw": GOOD}, line)


def test_no_file_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="expected answers, found no file that reads"):
        AnswersFile(tmp_path / "nowhere.jsonl")
