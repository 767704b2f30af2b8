"""Google's own client against a stand-in of the service: what it is sent, and what every fault comes to."""

import json
import logging
import re
import traceback

import pytest
from gemini_server import GOOD, KEY, NEVER, RPC, Fault, response
from google.genai import _api_client

from stream.describing.labellers import prompts
from stream.describing.labellers.answer import Answer
from stream.describing.labellers.backoff import Backoff
from stream.describing.labellers.gemini import INLINE_BYTES, Gemini
from stream.describing.labellers.provider import Clip, Meter, Reply, Sampling, gemini_address
from stream.errors import (
    DescriptionDenied,
    DescriptionMalformed,
    DescriptionRefused,
    DescriptionRejected,
    DescriptionUnavailable,
    UsageError,
)

PROMPT = prompts.load("cot_reflection")
LOOK = Sampling("gemini-3.8-flash", fps=8, resolution="medium", temperature=0.25, seed=7)
SHA = "5a" * 32


@pytest.fixture
def clip(tmp_path) -> Clip:
    path = tmp_path / "federer-wins-the-final.mp4"
    path.write_bytes(b"not really a film" * 100)
    return Clip(path, SHA, 2.0)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def open_gemini(gemini_server, slept, monkeypatch):
    """Opens Geminis that wait for nothing and closes them in the end."""
    monkeypatch.setattr(_api_client, "INITIAL_RETRY_DELAY", 0)  # of the client's own tries within an upload
    opened = []

    def make(**options):
        found = Gemini(**{"sleep": slept.append, "backoff": Backoff(tries=3)} | options)
        opened.append(found)
        return found

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def describe(open_gemini, clip):
    return lambda **options: open_gemini(**options).describe(clip, PROMPT, LOOK)


def test_a_video_is_uploaded_waited_for_asked_about_and_deleted(gemini_server, describe, clip, slept):
    gemini_server.polls = 3
    reply = describe()
    assert [a.kind for a in gemini_server.asked] == ["start", "upload", *["get"] * 3, "generate", "delete"]
    assert slept == [2.0] * 3
    assert reply == Reply(json.dumps(GOOD), Answer.model_validate(GOOD), "gemini-3.8-flash", 1000, 200)
    assert list(gemini_server.contents.values()) == [clip.path.read_bytes()]
    assert gemini_server.files == {}


def test_the_request_says_what_was_asked_for_with_the_video_first(gemini_server, describe):
    describe()
    asked = gemini_server.of("generate")[0]
    body = asked.json()
    video, text = body["contents"][0]["parts"]
    assert asked.path.endswith("/models/gemini-3.8-flash:generateContent")
    assert video["videoMetadata"] == {"fps": 8.0}
    assert video["fileData"]["mime_type"] == "video/mp4"
    assert text == {"text": PROMPT.text}
    config = body["generationConfig"]
    assert config.pop("responseJsonSchema") == PROMPT.schema.model_json_schema()
    assert config == {
        "temperature": 0.25,
        "seed": 7,
        "responseMimeType": "application/json",
        "mediaResolution": "MEDIA_RESOLUTION_MEDIUM",
    }


def test_the_file_s_name_stays_here(gemini_server, describe):
    describe()
    sent = [(a.path, a.headers, a.body) for a in gemini_server.asked]
    assert not re.search("federer|wins", repr(sent))


def test_a_large_video_goes_up_in_pieces(gemini_server, open_gemini, clip, monkeypatch):
    monkeypatch.setattr(_api_client, "CHUNK_SIZE", 512)
    open_gemini().describe(clip, PROMPT, LOOK)
    assert len(gemini_server.of("upload")) == 4
    assert list(gemini_server.contents.values()) == [clip.path.read_bytes()]


def test_a_small_clip_may_go_inside_the_request(gemini_server, describe, clip):
    describe(inline=True)
    assert [a.kind for a in gemini_server.asked] == ["generate"]
    video = gemini_server.asked[0].json()["contents"][0]["parts"][0]
    assert video["inlineData"]["mime_type"] == "video/mp4"
    assert video["videoMetadata"] == {"fps": 8.0}


def test_a_clip_too_large_for_a_request_is_uploaded(gemini_server, describe, clip):
    with clip.path.open("r+b") as file:
        file.truncate(INLINE_BYTES + 1)
    describe(inline=True)
    assert [a.kind for a in gemini_server.asked][:2] == ["start", "upload"]


@pytest.mark.parametrize("kind", ["start", "get", "generate"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_is_asked_again(gemini_server, describe, kind, status, slept):
    gemini_server.faults[kind].extend([Fault(status), Fault(status)])
    describe()
    assert len([s for s in slept if s != 2.0]) == 2
    assert len(gemini_server.of("generate")) == (3 if kind == "generate" else 1)


def test_an_upload_that_the_service_drops_is_taken_up_again(gemini_server, describe, clip):
    # The client tries three times by itself.
    gemini_server.faults["upload"].extend([Fault(500)] * 3)
    describe()
    assert list(gemini_server.contents.values()) == [clip.path.read_bytes()]
    assert len({a.json()["file"]["name"] for a in gemini_server.of("start")}) == 1


def test_retry_after_is_waited_for(gemini_server, describe, slept):
    gemini_server.faults["generate"].append(Fault(429, headers={"Retry-After": "17"}))
    gemini_server.polls = 0
    describe()
    assert slept == [17.0]


def test_a_delay_among_the_details_is_waited_for(gemini_server, describe, slept):
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "11.5s"}
    gemini_server.faults["generate"].append(Fault(429, details=(info,)))
    gemini_server.polls = 0
    describe()
    assert slept == [11.5]


def test_a_service_that_stays_busy_is_unavailable_and_its_file_deleted(gemini_server, describe):
    gemini_server.faults["generate"].extend([Fault(429, headers={"Retry-After": "3"})] * 3)
    with pytest.raises(DescriptionUnavailable, match="found 429 RESOURCE_EXHAUSTED") as caught:
        describe()
    assert caught.value.retry_after_s == 3
    assert gemini_server.files == {}


def test_a_service_that_does_not_answer_in_time_is_unavailable(gemini_server, describe):
    gemini_server.faults["generate"].append(Fault(delay_s=NEVER))
    with pytest.raises(DescriptionUnavailable, match="Timeout"):
        describe(timeout_s=0.2, backoff=Backoff(tries=1))
    assert gemini_server.files == {}


def test_a_connection_cut_during_the_upload_is_taken_up_again(gemini_server, open_gemini, tmp_path):
    path = tmp_path / "long.mp4"
    path.write_bytes(bytes(4_000_000))
    gemini_server.faults["upload"].append(Fault(reset=True))
    open_gemini().describe(Clip(path, SHA, 9.0), PROMPT, LOOK)
    assert [a.kind for a in gemini_server.asked] == [
        *("start", "upload", "get", "start", "upload", "get", "generate", "delete")
    ]
    assert list(gemini_server.contents.values()) == [path.read_bytes()]
    assert len({a.json()["file"]["name"] for a in gemini_server.of("start")}) == 1


@pytest.mark.parametrize("kind", ["start", "generate"])
def test_a_connection_that_is_always_cut_is_unavailable(gemini_server, describe, kind):
    gemini_server.faults[kind].extend([Fault(reset=True)] * 3)
    with pytest.raises(DescriptionUnavailable, match="expected a connection that holds"):
        describe()


def test_nobody_there_is_unavailable(gemini_server, open_gemini, clip):
    with pytest.raises(DescriptionUnavailable, match="ConnectError"):
        open_gemini(base_url="http://127.0.0.1:1").describe(clip, PROMPT, LOOK)


@pytest.mark.parametrize("body", [b"<html>a proxy</html>", b'{"candidates": 4}', b"\xff"])
def test_an_answer_that_is_not_the_service_s_is_unavailable(gemini_server, describe, body):
    gemini_server.faults["generate"].extend([Fault(body=body)] * 3)
    with pytest.raises(DescriptionUnavailable, match="expected a reply in its own form"):
        describe()


def test_an_upload_that_ends_strangely_is_unavailable(gemini_server, describe):
    gemini_server.faults["start"].extend([Fault(body=b"{}")] * 3)  # without an address to upload to
    with pytest.raises(DescriptionUnavailable, match="KeyError in the client"):
        describe()


@pytest.mark.parametrize(
    "text", ["", "{", '{"confidence_win": 1}', json.dumps(GOOD | {"confidence_win": 101}), "I cannot say."]
)
def test_a_malformed_answer_is_asked_for_once_more_with_another_seed(gemini_server, describe, text):
    gemini_server.faults["generate"].append(Fault(answer=text or "\n{}"))
    assert describe().answer.confidence_win == 70
    assert [a.json()["generationConfig"]["seed"] for a in gemini_server.of("generate")] == [7, 8]
    assert len(gemini_server.of("start")) == 1


def test_a_second_malformed_answer_is_an_error_that_keeps_it(gemini_server, describe):
    gemini_server.answer = lambda asked: json.dumps(GOOD | {"confidence_win": "the other"})
    with pytest.raises(DescriptionMalformed) as caught:
        describe()
    assert json.loads(caught.value.raw)["confidence_win"] == "the other"
    assert len(gemini_server.of("generate")) == 2
    assert gemini_server.files == {}


@pytest.mark.parametrize("finish", ["MAX_TOKENS", "CONTINUATION"])
def test_an_answer_that_was_cut_off_is_malformed(gemini_server, describe, finish):
    gemini_server.faults["generate"].extend([Fault(response=response('{"act', finish=finish))] * 2)
    with pytest.raises(DescriptionMalformed, match="cut off") as caught:
        describe()
    assert caught.value.raw == '{"act'


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY"),
        ({"candidates": []}, "nothing said"),
        ({}, "nothing said"),
        ({"candidates": [{"finishReason": "SAFETY", "index": 0}]}, "SAFETY"),
        (response("half a sente", finish="RECITATION"), "RECITATION"),
        (response(""), "STOP"),
    ],
)
def test_an_answer_withheld_is_a_refusal_and_not_asked_for_again(gemini_server, describe, said, why):
    gemini_server.faults["generate"].append(Fault(response=said))
    with pytest.raises(DescriptionRefused, match=why):
        describe()
    assert len(gemini_server.of("generate")) == 1
    assert gemini_server.files == {}


def test_a_video_that_the_service_cannot_read_is_a_refusal(gemini_server, describe):
    gemini_server.failing = True
    with pytest.raises(DescriptionRefused, match="no video stream"):
        describe()
    assert gemini_server.of("generate") == []
    assert gemini_server.files == {}


def test_a_video_that_is_never_taken_in_is_unavailable(gemini_server, describe, slept):
    gemini_server.polls = 10**6
    with pytest.raises(DescriptionUnavailable, match="within 10 s"):
        describe(ready_s=10)
    assert sum(slept) == 10
    assert gemini_server.files == {}


BLOCKED = {"@type": f"{RPC}.ErrorInfo", "reason": "API_KEY_SERVICE_BLOCKED", "domain": "googleapis.com"}
FIELD = {"@type": f"{RPC}.BadRequest", "fieldViolations": [{"field": "contents", "description": "too long"}]}


@pytest.mark.parametrize("kind", ["start", "generate"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(400, "API key not valid. Please pass a valid API key."),
        Fault(400, "API Key expired. Please renew the API key."),
        Fault(400, "Requests are blocked.", details=(BLOCKED,)),
        Fault(400, "* GenerateContentRequest.model: unexpected model name format"),
        Fault(400, "The model gemini-1 is not available any more."),
        Fault(400, "Invalid JSON payload received. Unknown name \"seed\" at 'generation_config'."),
        Fault(
            400, body=b'{"error": {"code": 400, "status": "FAILED_PRECONDITION", "message": "Not there."}}'
        ),
        Fault(401, "Request had invalid authentication credentials."),
        Fault(403, "The caller does not have permission"),
        Fault(404, "models/gemini-0 is not found for API version v1beta"),
        Fault(405, "no such method"),
    ],
    ids=lambda fault: f"{fault.status} {fault.message[:30]}",
)
def test_what_is_wrong_with_every_request_is_denied(gemini_server, describe, kind, fault, slept):
    gemini_server.polls = 0
    gemini_server.faults[kind].append(fault)
    with pytest.raises(DescriptionDenied, match=f"found {fault.status} .*check the key, the model"):
        describe()
    assert slept == []
    assert gemini_server.files == {}


@pytest.mark.parametrize("kind", ["start", "generate"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        Fault(400, "The input token count is 1200000 but the model only supports up to 1048576."),
        Fault(400, "Request contains an invalid argument."),
        Fault(400, "Unsupported MIME type: video/avi", details=(FIELD,)),
        Fault(400, "The file is not in an ACTIVE state."),
        Fault(413, "Request Entity Too Large"),
        Fault(415, "Unsupported Media Type"),
    ],
    ids=lambda fault: f"{fault.status} {fault.message[:30]}",
)
def test_what_is_wrong_with_one_video_is_a_refusal_of_it(gemini_server, describe, kind, fault, slept):
    gemini_server.polls = 0
    gemini_server.faults[kind].append(fault)
    with pytest.raises(DescriptionRejected, match=re.escape(fault.message.rstrip("."))):
        describe()
    assert len(gemini_server.of("generate")) == (kind == "generate")
    assert slept == []
    assert gemini_server.files == {}


def test_an_uploaded_video_that_is_gone_is_no_fault_of_the_key(gemini_server, describe):
    gone = "You do not have permission to access the File abc or it may not exist."
    gemini_server.faults["generate"].extend([Fault(403, gone)] * 3)
    with pytest.raises(DescriptionUnavailable, match="may not exist"):
        describe()


def test_a_wrong_key_is_denied(gemini_server, monkeypatch, describe):
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-somebody-else")
    with pytest.raises(DescriptionDenied, match="API key not valid") as caught:
        describe()
    assert "somebody-else" not in "".join(traceback.format_exception(caught.value))


def test_the_key_is_in_the_headers_of_requests_and_nowhere_else(
    gemini_server, monkeypatch, open_gemini, clip, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    good, wrong = open_gemini(), "AIza-another-secret"
    reply = good.describe(clip, PROMPT, LOOK)
    monkeypatch.setenv("GOOGLE_API_KEY", wrong)
    with pytest.raises(DescriptionDenied) as caught:
        open_gemini().describe(clip, PROMPT, LOOK)
    told = [
        caplog.text,
        *capfd.readouterr(),
        repr((reply, good, vars(good).keys(), caught.value, caught.value.__cause__)),
        "".join(traceback.format_exception(caught.value)),
        *(a.path for a in gemini_server.asked),
        *(a.body.decode("latin-1") for a in gemini_server.asked),
    ]
    assert "generateContent" in caplog.text  # the log was on
    assert not [text for text in told if KEY in text or wrong in text]
    assert {a.headers["x-goog-api-key"] for a in gemini_server.of("generate")} == {KEY}


def test_no_key_is_one_sentence(gemini_server, monkeypatch):
    monkeypatch.delenv("GOOGLE_API_KEY")
    with pytest.raises(UsageError, match="expected a key in GOOGLE_API_KEY or GEMINI_API_KEY, found none"):
        Gemini()


def test_google_s_name_of_the_key_comes_first(gemini_server, monkeypatch, describe):
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-the-other")
    describe()
    monkeypatch.delenv("GOOGLE_API_KEY")
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    describe()


def test_addresses_elsewhere_are_encrypted(monkeypatch):
    monkeypatch.delenv("UNDERTONE_GEMINI_URL", raising=False)
    assert gemini_address() == "https://generativelanguage.googleapis.com"
    assert gemini_address("http://localhost:8080") == "http://localhost:8080"
    monkeypatch.setenv("UNDERTONE_GEMINI_URL", "https://proxy.example/gemini")
    assert gemini_address() == "https://proxy.example/gemini"
    for wrong in ("http://proxy.example", "proxy.example", "ftp://localhost"):
        with pytest.raises(UsageError, match="expected an https:// address"):
            gemini_address(wrong)
    with pytest.raises(UsageError) as caught:
        gemini_address("http://user:topsecret@proxy.example/?key=topsecret")
    assert "topsecret" not in str(caught.value)


def test_what_an_earlier_run_uploaded_is_used(gemini_server, open_gemini, clip):
    noted: dict[str, str] = {}
    gemini_server.faults["generate"].append(Fault(401))
    gemini_server.faults["delete"].append(Fault(500))
    with pytest.raises(DescriptionDenied):
        open_gemini(uploads=noted).describe(clip, PROMPT, LOOK)
    assert noted == {SHA: next(iter(gemini_server.files))}
    open_gemini(uploads=noted).describe(clip, PROMPT, LOOK)
    assert len(gemini_server.of("upload")) == 1
    assert (noted, gemini_server.files) == ({}, {})


def test_a_noted_file_that_is_gone_is_uploaded_again(gemini_server, open_gemini, clip):
    noted = {SHA: "files/undertone-gone"}
    open_gemini(uploads=noted).describe(clip, PROMPT, LOOK)
    assert [a.kind for a in gemini_server.asked][:3] == ["get", "start", "upload"]
    assert noted == {}


def test_closing_deletes_what_was_left(gemini_server, open_gemini, clip):
    noted: dict[str, str] = {"0" * 64: "files/undertone-gone"}
    gemini_server.faults["delete"].append(Fault(503))
    left = open_gemini(uploads=noted)
    left.describe(clip, PROMPT, LOOK)
    assert len(gemini_server.files) == 1
    left.close()
    assert (noted, gemini_server.files) == ({}, {})


def test_a_file_is_noted_before_its_first_byte_leaves(gemini_server, open_gemini, clip):
    class Noted(dict):
        def __setitem__(self, key, value):
            before.append([a.kind for a in gemini_server.asked])
            super().__setitem__(key, value)

    before: list[list[str]] = []
    open_gemini(uploads=Noted()).describe(clip, PROMPT, LOOK)
    assert before == [[]]


def test_an_answer_is_kept_before_its_file_is_deleted(gemini_server, open_gemini, clip):
    kept = []
    reply = open_gemini().describe(
        clip,
        PROMPT,
        LOOK,
        lambda r: kept.append((r, len(gemini_server.files), len(gemini_server.of("delete")))),
    )
    assert kept == [(reply, 1, 0)]


def test_the_meter_sees_every_request_and_may_stop_it(gemini_server, open_gemini, clip):
    class Counting(Meter):
        def __init__(self, most):
            self.most, self.requests, self.tokens = most, 0, []

        def request(self):
            if self.requests == self.most:
                raise RuntimeError("no more")
            self.requests += 1

        def spent(self, tokens_in, tokens_out):
            self.tokens.append((tokens_in, tokens_out))

    meter = Counting(3)
    gemini_server.faults["generate"].extend([Fault(500), Fault(answer="no"), Fault()])
    open_gemini(meter=meter).describe(clip, PROMPT, LOOK)
    assert (meter.requests, meter.tokens) == (3, [(1000, 200)] * 2)
    with pytest.raises(RuntimeError):
        open_gemini(meter=meter).describe(clip, PROMPT, LOOK)
    assert len(gemini_server.of("generate")) == 3
    assert gemini_server.files == {}


def test_vertex_s_switches_in_the_environment_change_nothing(gemini_server, monkeypatch, describe):
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "somebody")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1")
    assert describe().answer.confidence_win == 70
