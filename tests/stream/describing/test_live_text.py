"""``--describe`` and ``--notes``: what is refused before anything begins, and from pictures to text."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from gemini_server import GOOD, NEVER, Fault, GeminiServer

from stream.bundle import manifest as contract
from stream.bundle.load import Bundle, demo_bundle
from stream.describing.live_text import LiveText, live_text
from stream.describing.options import TextOptions
from stream.errors import UsageError
from stream.records import Frame

pytestmark = pytest.mark.slow

PICTURE = np.full((720, 1280, 3), 90, np.uint8)


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(demo_bundle())


@pytest.fixture
def asked(gemini_server: GeminiServer, bundle: Bundle) -> Iterator[LiveText]:
    """A labeller behind the real client, asked as often as there is something new."""
    text = live_text(TextOptions(describe="gemini", every_s=0.2), bundle, "live")
    assert text is not None
    yield text
    text.close()


def show(text: LiveText, *pts: float, scene: int = 0) -> None:
    minute = text._minute
    assert minute is not None
    for each in pts:
        text.see(Frame(0, each, 0.0, PICTURE), scene)
        until(lambda each=each: (film := minute.film()) is not None and film.end == each)  # type: ignore[misc]


def test_the_last_minute_becomes_text(asked: LiveText, gemini_server: GeminiServer) -> None:
    assert asked.notice is not None
    assert "picture only, no sound" in asked.notice
    assert f"sent to {gemini_server.url} every 0.2 s" in asked.notice
    asked.start()
    show(asked, 100.0, 106.0, 112.0)
    until(lambda: asked.describing().answered == 1)  # type: ignore[union-attr]
    said = asked.take()
    assert said is not None
    assert (said.pts, said.scene) == (112.0, 0)
    assert "lowered brow" in said.text
    assert "70" not in said.text
    (request,) = gemini_server.of("generate")
    video, prompt = request.json()["contents"][0]["parts"]
    assert video["videoMetadata"]["fps"] == 5
    assert "action" in prompt["text"]
    with av.open(io.BytesIO(base64.urlsafe_b64decode(video["inlineData"]["data"] + "=="))) as sent:
        assert [(s.type, s.height) for s in sent.streams] == [("video", 480)]
        assert sum(1 for _ in sent.decode(video=0)) == 3
    assert not gemini_server.of("start"), "nothing is left with the service"


def answer(options: TextOptions, bundle: Bundle) -> str:
    """What the labeller's one answer becomes for the text branch."""
    text = live_text(options, bundle, "live")
    assert text is not None
    text.start()
    try:
        show(text, 100.0, 112.0)
        until(lambda: text.describing().answered == 1)  # type: ignore[union-attr]
    finally:
        text.close()
    said = text.take()
    assert said is not None
    return said.text


@pytest.mark.parametrize(("form", "told"), [("guarded", False), ("paper", True)])
def test_text_has_the_form_that_the_bundle_learnt_to_read(
    gemini_server: GeminiServer, bundle: Bundle, form: contract.TextForm, told: bool
) -> None:
    reads = msgspec.structs.replace(bundle.manifest.text, form=form)
    learnt = msgspec.structs.replace(bundle.manifest, text=reads)
    options = TextOptions(describe="gemini", every_s=0.2)
    assert ("win 70" in answer(options, msgspec.structs.replace(bundle, manifest=learnt))) is told


def test_names_that_were_given_stay_out_of_the_text(gemini_server: GeminiServer, bundle: Bundle) -> None:
    said_of_her = {**GOOD, "evidence_loss": ["Ada Example lowers her brow", "Example looks away"]}
    gemini_server.answer = lambda asked: json.dumps(said_of_her)
    said = answer(TextOptions(describe="gemini", every_s=0.2, names=("Ada Example",)), bundle)
    assert "lowers her brow" in said
    assert "Ada" not in said
    assert "Example" not in said


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (Fault(429, headers={"Retry-After": "7"}), "failing"),
        (Fault(500), "failing"),
        (Fault(reset=True), "failing"),
        (Fault(answer="no JSON"), "failing"),
        (Fault(response={"candidates": []}), "failing"),
        (Fault(400, "The input token count exceeds the maximum."), "failing"),
        (Fault(403, "no permission"), "denied"),
    ],
)
def test_trouble_with_the_service_is_seen_in_health(
    asked: LiveText, gemini_server: GeminiServer, fault: Fault, state: str
) -> None:
    gemini_server.faults["generate"].append(fault)
    asked.start()
    show(asked, 0.0, 12.0)
    until(lambda: asked.describing().failed == 1)  # type: ignore[union-attr]
    told = asked.turned()
    assert told is not None
    assert (told["provider"], told["from"], told["to"]) == ("gemini", "working", state)
    assert gemini_server.key not in json.dumps(told)
    assert asked.take() is None
    if state == "failing":
        until(lambda: asked.describing().answered == 1)  # type: ignore[union-attr]
        assert asked.turned() == {"provider": "gemini", "from": "failing", "to": "working"}
    assert asked.turned() is None


def without_text(bundle: Bundle) -> Bundle:
    manifest = bundle.manifest
    (name, mode), *_ = manifest.modes.items()
    branches = {branch: graph for branch, graph in mode.branches.items() if branch != "text"}
    modes = {name: msgspec.structs.replace(mode, branches=branches)}
    return msgspec.structs.replace(bundle, manifest=msgspec.structs.replace(manifest, modes=modes, text=None))


@pytest.mark.parametrize("options", [TextOptions(describe="gemini"), TextOptions(notes="-")])
def test_a_bundle_without_text_branch_is_refused(bundle: Bundle, options: TextOptions) -> None:
    with pytest.raises(UsageError, match="expected a bundle with a text branch, found demo without one"):
        live_text(options, without_text(bundle), "live")


@pytest.mark.parametrize("options", [TextOptions(describe="gemini"), TextOptions(notes="-")])
def test_a_file_that_is_read_as_fast_as_it_goes_is_refused(bundle: Bundle, options: TextOptions) -> None:
    with pytest.raises(UsageError, match="expected --pace live, found fast"):
        live_text(options, bundle, "fast")


def test_what_cannot_be_asked_is_refused_before_it_begins(
    bundle: Bundle, gemini_server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="expected one of gemini, found 'oracle'"):
        live_text(TextOptions(describe="oracle"), bundle, "live")
    with pytest.raises(UsageError, match="expected it beside --describe"):
        live_text(TextOptions(model="gemini-x", notes="-"), bundle, "live")
    monkeypatch.delenv("GOOGLE_API_KEY")
    with pytest.raises(UsageError, match="GOOGLE_API_KEY or GEMINI_API_KEY, found none"):
        live_text(TextOptions(describe="gemini"), bundle, "live")
    monkeypatch.setitem(sys.modules, "stream.describing.labellers.gemini", None)
    with pytest.raises(UsageError, match="its extra `gemini`"):
        live_text(TextOptions(describe="gemini"), bundle, "live")
    assert live_text(TextOptions(), bundle, "fast") is None


def watch(*arguments: str, temporary: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "stream", "watch", *arguments, "--publish", "tcp://127.0.0.1:*", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )


@pytest.mark.usefixtures("holistic_files")
def test_a_question_on_its_way_does_not_hold_the_end_back(
    gemini_server: GeminiServer, tmp_path: Path
) -> None:
    gemini_server.delay_s = NEVER
    watching = watch("pattern", "--describe", "gemini", "--every", "10", temporary=tmp_path)
    try:
        until(lambda: bool(gemini_server.of("generate")), 60)
        assert [stat for stat in tmp_path.glob("undertone-*")]
        watching.send_signal(signal.SIGINT)
        begun = time.monotonic()
        out, err = watching.communicate(timeout=60)
        assert time.monotonic() - begun < 30  # the answer never comes
    finally:
        watching.kill()
    assert watching.returncode == 0, err
    assert "will be sent to" in err
    assert gemini_server.key not in out + err
    assert not list(tmp_path.glob("undertone-*"))
    ages = [json.loads(line)["age_ms"] for line in out.splitlines()]
    assert len(ages) >= 9


@pytest.mark.usefixtures("holistic_files")
def test_what_is_typed_is_in_the_message_with_its_age(tmp_path: Path) -> None:
    watching = watch("pattern", "--notes", "-", "--for", "5", "--hop", "10", temporary=tmp_path)
    try:
        out, err = watching.communicate("smiles and nods\n", timeout=60)
    finally:
        watching.kill()
    assert watching.returncode == 0, err
    messages = [json.loads(line) for line in out.splitlines()]
    told = [m for m in messages if "text_age_s" in m]
    assert told
    assert all((m["branches"]["text"] is not None) == ("text_age_s" in m) for m in messages)
    ages = [m["text_age_s"] for m in told]
    assert ages == sorted(ages)
    assert ages[-1] > 1.0
