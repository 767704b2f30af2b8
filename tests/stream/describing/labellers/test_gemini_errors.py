"""What Gemini's service says, as an answer's text or as one of our errors."""

from datetime import UTC, datetime

import httpx2
import pytest
from google.genai.errors import APIError
from google.genai.types import GenerateContentResponse

from stream.describing.labellers.gemini_errors import LONGEST, Served, read, retry_after_s, tokens, translated
from stream.errors import (
    DescriptionDenied,
    DescriptionError,
    DescriptionMalformed,
    DescriptionRefused,
    DescriptionRejected,
    DescriptionUnavailable,
)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    class Response:
        headers = {"retry-after": header}  # noqa: RUF012

    error = APIError(429, {"error": {"message": "busy"}}, Response())
    assert retry_after_s(error, now=datetime(2026, 11, 21, 12, tzinfo=UTC)) == seconds


def raised(code: int, message: str = "no", *, status: str = "", details: tuple = ()) -> Exception:
    """Our error for the service's."""
    body = {"error": {"code": code, "message": message, "status": status, "details": list(details)}}
    with pytest.raises(DescriptionError) as found, translated("K3Y"):
        raise APIError(code, body)
    return found.value


REASON = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        (429, {}, DescriptionUnavailable),
        (408, {}, DescriptionUnavailable),
        (409, {}, DescriptionUnavailable),
        (500, {}, DescriptionUnavailable),
        (503, {}, DescriptionUnavailable),
        (404, {"message": "File abc not found"}, DescriptionUnavailable),  # it is uploaded again
        (403, {"message": "You may not access the file"}, DescriptionUnavailable),
        (400, {"message": "the video is too long"}, DescriptionRejected),
        (413, {}, DescriptionRejected),
        (415, {}, DescriptionRejected),
        (422, {}, DescriptionRejected),
        (400, {"message": "API key not valid"}, DescriptionDenied),
        (400, {"details": (REASON,)}, DescriptionDenied),
        (400, {"status": "FAILED_PRECONDITION"}, DescriptionDenied),
        (400, {"message": "models/gemini-0 is not found"}, DescriptionDenied),
        (401, {}, DescriptionDenied),
        (403, {"message": "billing is off"}, DescriptionDenied),
        (404, {"message": "no such model"}, DescriptionDenied),
    ],
)
def test_who_is_to_blame(code: int, said: dict, kind: type) -> None:
    """The moment, this video, or every request."""
    found = raised(code, **said)
    assert type(found) is kind
    assert str(found).startswith("gemini: expected ")
    assert str(found).endswith(".")
    assert str(code) in str(found)


def test_the_delay_goes_along() -> None:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    assert raised(429, details=(retry,)).retry_after_s == 34.5
    assert raised(429, details=({**retry, "retryDelay": "soon"},)).retry_after_s is None


def test_neither_the_key_nor_a_long_story_is_repeated() -> None:
    found = str(raised(400, "the key K3Y " + "is bad\n " * 400))
    assert "K3Y" not in found
    assert "\n" not in found
    assert len(found) < LONGEST + 200


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx2.ConnectError("refused by K3Y"), "a connection that holds, found ConnectError refused by …"),
        (KeyError("candidates"), "a reply in its own form, found another (KeyError"),
        (ValueError("K3Y"), "found another (ValueError"),
    ],
)
def test_a_bad_line_and_a_strange_reply_are_unavailable(error: Exception, words: str) -> None:
    with pytest.raises(DescriptionUnavailable) as found, translated("K3Y"):
        raise error
    assert words in str(found.value)
    assert "K3Y" not in str(found.value)


def test_a_bug_of_ours_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), translated("K3Y"):
        raise ZeroDivisionError


def response(finish: str | None = "STOP", text: str = "{}", **more: object) -> GenerateContentResponse:
    first = {"content": {"parts": [{"text": text}]}, **({"finishReason": finish} if finish else {})}
    return GenerateContentResponse.model_validate({"candidates": [first], "modelVersion": "m-1", **more})


def test_an_answer_is_its_text_and_the_model_that_gave_it() -> None:
    assert read(response(text='{"a": 1}')) == Served('{"a": 1}', "m-1")


@pytest.mark.parametrize("finish", ["MAX_TOKENS", "CONTINUATION"])
def test_an_answer_cut_short_is_kept_and_malformed(finish: str) -> None:
    with pytest.raises(DescriptionMalformed, match="ask for less") as found:
        read(response(finish, '{"a": '))
    assert found.value.raw == '{"a": '


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (response("SAFETY"), "SAFETY"),
        (response("RECITATION"), "RECITATION"),
        (response(text="  \n"), "STOP"),
        (response(None, text=""), "nothing said"),
        (GenerateContentResponse.model_validate({}), "nothing said"),
        (response(promptFeedback={"blockReason": "PROHIBITED_CONTENT"}), "PROHIBITED_CONTENT"),
    ],
)
def test_no_answer_is_a_refusal_of_this_video(said: GenerateContentResponse, why: str) -> None:
    with pytest.raises(DescriptionRefused, match=why):
        read(said)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({}, (0, 0)),
        ({"usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 200}}, (1000, 200)),
        (
            {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 5}},
            (9, 7),
        ),
    ],
)
def test_thoughts_are_paid_for_too(usage: dict, counted: tuple[int, int]) -> None:
    assert tokens(response(**usage)) == counted
