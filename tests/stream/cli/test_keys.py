"""``undertone keys`` from the first pair to an encrypted listener, as a user types it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from publishing import confidence
from typer.testing import CliRunner

from stream.cli import watch
from stream.cli.app import app
from stream.cli.options import PublishOptions
from stream.errors import PublishError
from stream.publish import curve, keys
from stream.publish.publisher import Publisher

ROOT = Path(__file__).parents[3]


def typed(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["keys", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "undertone" / "keys"


def test_new_show_allow(home: Path) -> None:
    public = typed("new")
    assert typed("show") == public
    assert typed("allow", "studio", public) == f"allowed: studio {public}"
    assert typed("show").splitlines() == [public, f"allowed: studio {public}"]
    assert (home / "key").is_file()


@pytest.mark.parametrize("start", ["-<", "--", "-h", "=", "-"])
def test_a_key_may_begin_with_any_character(home: Path, start: str) -> None:
    key = start + "a" * (40 - len(start))
    assert typed("allow", "studio", key) == f"allowed: studio {key}"
    assert keys.Keys(home, "", "").allowed() == {key: "studio"}


def test_a_new_key_reads_as_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([(b"-" + b"a" * 39, b"b" * 40), (b"a" * 40, b"<" + b"b" * 39), (b"a" * 40, b"b" * 40)])
    monkeypatch.setattr("stream.publish.curve.zmq.curve_keypair", lambda: next(drawn))
    assert curve.generate() == ("a" * 40, "b" * 40)


def test_beyond_this_machine_the_users_own_keys_are_taken(home: Path) -> None:
    beyond = "tcp://*:5556"
    assert watch._keys(PublishOptions(publish=beyond)) is None, "none yet: the endpoint itself is refused"
    typed("new")
    own = keys.load(home)
    assert watch._keys(PublishOptions(publish=beyond)) == own
    assert watch._keys(PublishOptions(publish=beyond, insecure=True)) is None
    assert watch._keys(PublishOptions()) is None, "loopback needs none"
    assert watch._keys(PublishOptions(keys=home)) == own
    with pytest.raises(PublishError, match="undertone keys new"):
        watch._keys(PublishOptions(keys=home / "none"))


def test_listen_with_a_key(home: Path, tmp_path: Path) -> None:
    server = tmp_path / "server"
    public = typed("new", "--keys", str(server))
    typed("allow", "me", typed("new"), "--keys", str(server))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with Publisher(endpoint, keys=keys.load(server)) as publisher:
        publisher.publish(confidence(3))
        command = [sys.executable, "-m", "stream", "listen", endpoint, "--count", "1", "--timeout", "30"]
        done = subprocess.run(
            [*command, "--json", "--server-key", public],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        assert '"seq":3' in done.stdout
