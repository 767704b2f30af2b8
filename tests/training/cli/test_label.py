"""The command asks before it sends, says beforehand what it would take, and refuses what cannot be meant."""

import os
import re
import subprocess
import sys

import pytest

from stream.errors import UsageError
from training.cli import label as commands

pytestmark = pytest.mark.slow


def test_a_dry_run_sends_nothing_and_needs_no_key(server, label, out, monkeypatch):
    monkeypatch.delenv("GOOGLE_API_KEY")
    result = label("--dry-run", "--fps", 8, "--price-in", 2, "--price-out", 10, yes=False)
    assert result.exit_code == 0
    assert "4 videos, 0 without a request\n4 requests, about " in result.output
    assert re.search(r"up to [1-9][\d.]+ kB to 127\.0\.0\.1\n", result.output)
    tokens_in, tokens_out = map(int, re.search(r"about (\d+) tokens in.* (\d+) out", result.output).groups())
    assert tokens_out == 4 * 4000
    assert f"cost about {(2 * tokens_in + 10 * tokens_out) / 1e6:.2f}, answers included" in result.output
    assert (server.asked, out.exists()) == ([], False)


def test_without_leave_nothing_is_sent(server, label, out, monkeypatch):
    result = label(yes=False)
    assert isinstance(result.exception, UsageError)
    assert "add --yes" in str(result.exception)
    monkeypatch.setattr(commands, "_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question, **_: asked.append(question))
    asked = []
    result = label(yes=False)
    assert result.exit_code == 1
    assert "nothing was sent" in result.output
    assert (server.asked, out.exists()) == ([], False)
    assert re.match(
        r"4 videos, up to [1-9][\d.]+ kB, go to Google's Gemini \(127\.0\.0\.1\), without their sound; .* "
        r"About \d+ tokens in and 16000 out\. Go on\?$",
        asked[0],
    )


def test_with_leave_it_goes_on(server, label, monkeypatch):
    monkeypatch.setattr(commands, "_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question, **_: True)
    assert label(yes=False).exit_code == 0
    assert len(server.of("generate")) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--provider", "nobody"), "expected --provider gemini or a file of answers, found nobody"),
        (("--text", "loud"), "expected --text guarded or paper, found loud"),
        (("--fps", 30), "expected fps above 0 and up to 24, found 30"),
        (("--resolution", "high"), "expected a resolution of low or medium"),
        (("--prompt", "other"), "expected a prompt"),
        (("--names", "nowhere.txt"), "expected names, one a line, found no readable file"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(server, label, options, words):
    result = label(*options)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
    assert server.asked == []


def test_no_key_is_one_sentence_and_nobody_is_asked_for_leave(server, label, out, monkeypatch):
    monkeypatch.delenv("GOOGLE_API_KEY")
    monkeypatch.setattr(commands, "_confirm", lambda question: pytest.fail("asked in vain"))
    for yes in (True, False):
        assert "expected a key in GOOGLE_API_KEY" in str(label(yes=yes).exception)
    assert not out.exists()


def test_without_the_extra_it_is_one_sentence(films, out):
    code = (
        "import sys\n"
        "sys.modules['google.genai'] = None\n"
        f"sys.argv = ['undertone-training', 'label', {str(films)!r}, '--out', {str(out)!r}, '--yes']\n"
        "from training.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "install Undertone with its extra `gemini`" in done.stderr
