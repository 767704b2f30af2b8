"""A file in, confidences out to a subscriber in another process; every wrong input gets one sentence."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from stream.bundle.load import demo_bundle

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
UNDERTONE = [sys.executable, "-m", "stream"]
DEMO = str(ROOT / "stream" / "assets" / "demo.mp4")


def undertone(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*UNDERTONE, *arguments], capture_output=True, text=True, timeout=timeout, cwd=ROOT)


def watch(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return undertone("watch", *arguments, "--publish", "tcp://127.0.0.1:*", timeout=timeout)


def count(video: Path) -> int:
    import av

    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first four seconds of the demo clip, stream-copied."""
    import av

    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    with av.open(DEMO) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is None or packet.dts * packet.time_base >= 4:
                break
            packet.stream = stream
            target.mux(packet)
    return path


@pytest.mark.usefixtures("holistic_files")
def test_file_to_subscriber_in_another_process(clip: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    listener = subprocess.Popen(
        [*UNDERTONE, "listen", endpoint, "--json", "--count", "3", "--timeout", "90"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        command = ["watch", str(clip), "--pace", "live", "--json", "--hop", "25", "--publish", endpoint]
        watched = undertone(*command)
        assert watched.returncode == 0, watched.stderr
        out, err = listener.communicate(timeout=60)
    finally:
        listener.kill()
        listener.wait()
    assert listener.returncode == 0, err
    said = {m["seq"]: m for m in map(json.loads, watched.stdout.splitlines())}
    heard = [json.loads(line) for line in out.splitlines()]
    assert len(heard) == 3
    for message in heard:
        message.pop("replay", None)
        message.pop("replay_age_s", None)
        assert message == said[message["seq"]]
        assert message["v"] == 1
    with_evidence = [m for m in said.values() if m["win"] is not None]
    assert with_evidence
    assert all(abs(m["win"] + m["loss"] - 1) < 1e-9 for m in with_evidence)


@pytest.mark.usefixtures("holistic_files")
def test_fast_pace_repeats_itself(clip: Path) -> None:
    def wins() -> list[float]:
        done = watch(str(clip), "--json", "--hop", "10")
        assert done.returncode == 0, done.stderr
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        assert all(message["age_ms"] is None for message in messages), "an age says nothing at fast pace"
        return [message["win"] for message in messages]

    first = wins()
    assert len(first) == -(-count(clip) // 10)
    assert len(set(first)) > 1
    assert wins() == first


@pytest.mark.usefixtures("holistic_files")
def test_a_video_without_people_is_absent_never_sure() -> None:
    done = watch("pattern", "--pace", "live", "--for", "5", "--json")
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert messages
    assert all(m["win"] is None and m["loss"] is None for m in messages)
    assert messages[-1]["state"] == "absent"


@pytest.mark.usefixtures("holistic_files")
def test_inspect_prints_the_promised_fields(tmp_path: Path) -> None:
    picture = ROOT / "tests" / "data" / "astronaut.png"
    out = tmp_path / "seen.png"
    done = undertone("inspect", str(picture), "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"pts", "size", "portrait", "keypoints", "timings_ms"}
    assert found["size"] == [512, 512]
    x0, y0, x1, y1 = found["portrait"]
    assert 0 <= x0 < x1 <= 512
    assert 0 <= y0 < y1 <= 512
    points = np.array(found["keypoints"], float)
    assert points.shape == (137, 3)
    face = points[25:95]
    assert face[:, 2].all()
    assert np.abs(face[:, 0].mean() - 222) < 25, "the astronaut's face is left of the middle"
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("holistic_files")
def test_overlay_is_a_video_of_what_was_watched(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "overlay.mp4"
    done = watch(str(clip), "--overlay", str(out))
    assert done.returncode == 0, done.stderr
    assert count(out) == count(clip)


def fails(done: subprocess.CompletedProcess[str], *fragments: str) -> None:
    assert done.returncode not in (0, None)
    said = [line for line in done.stderr.splitlines() if line.startswith("undertone:")]
    assert len(said) >= 1, done.stderr
    assert "Traceback" not in done.stderr
    for fragment in fragments:
        assert fragment in said[-1], said[-1]


@pytest.mark.usefixtures("holistic_files")
@pytest.mark.parametrize("case", ["missing", "directory", "empty", "text", "scheme", "refused"])
def test_bad_sources_get_one_sentence(case: str, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 50)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = {
        "missing": str(tmp_path / "missing.mp4"),
        "directory": str(tmp_path),
        "empty": str(tmp_path / "empty.mp4"),
        "text": str(tmp_path / "text.mp4"),
        "scheme": "gopher://example.org/video",
        "refused": f"rtsp://user:hunter2@127.0.0.1:{port}/press",
    }[case]
    done = watch(source, "--timeout", "5")
    fails(done)
    assert "hunter2" not in done.stderr + done.stdout


@pytest.mark.usefixtures("holistic_files")
def test_a_server_that_says_nothing_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        done = watch(f"http://127.0.0.1:{server.getsockname()[1]}/live", "--timeout", "2", timeout=60)
        for connection in accepted:
            connection.close()
    fails(done, "2 s")


@pytest.mark.usefixtures("holistic_files")
def test_a_damaged_bundle_is_named(clip: Path, tmp_path: Path) -> None:
    import shutil

    bundle = Path(shutil.copytree(demo_bundle(), tmp_path / "bundle"))
    raw = bytearray((bundle / "fusion.onnx").read_bytes())
    raw[100] ^= 0xFF
    (bundle / "fusion.onnx").write_bytes(raw)
    fails(watch(str(clip), "--bundle", str(bundle)), "fusion.onnx", "sha256")


def test_wrong_options_get_one_sentence(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(watch(str(clip), "--provider", "npu"), "expected one of cpu, cuda, tensorrt, found 'npu'")
    fails(watch(str(clip), "--pace", "slow"), "expected live or fast")
    fails(watch(str(clip), "--wire", "xml"), "expected json or msgpack")
    fails(watch("pattern", "--describe", "oracle"), "expected one of gemini, found 'oracle'")
    fails(watch(str(clip), "--notes", "-"), "--pace live")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # without anybody's own keys
    fails(undertone("watch", str(clip), "--publish", "tcp://0.0.0.0:5999"), "--insecure")
    fails(undertone("listen", "tcp://127.0.0.1:9", "--timeout", "0.3"), "0.3 s")
    fails(undertone("listen", "--topic", "confidance"), "did you mean confidence?")
    fails(undertone("watch", str(clip), "demo"), "expected one source, found 2")
    fails(undertone("watch", str(clip), "--overlay", "x.avi"), ".mp4")
    fails(undertone("models", "pull", "nope"), "found 'nope'")


def test_a_source_may_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a password need not be among the arguments, which everybody on the machine can read."""
    secret = tmp_path / "source.txt"
    secret.write_text("rtsp://user:S3cret@127.0.0.1:9/S3cret\n")
    done = watch("--source-file", str(secret), "--source-name", "Court 1")
    assert done.returncode == 1
    assert "Court 1 refused the connection" in done.stderr
    assert "S3cret" not in done.stdout + done.stderr
    monkeypatch.setenv("UNDERTONE_SOURCE", secret.read_text().strip())
    done = watch()
    assert "rtsp://127.0.0.1:9 (" in done.stderr
    assert "S3cret" not in done.stderr
    fails(watch("--source-file", str(tmp_path / "none")), "expected a text file with the source")
    monkeypatch.delenv("UNDERTONE_SOURCE")
    fails(watch(), "expected a source, found none")


def test_a_taken_port_is_named(clip: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        fails(undertone("watch", str(clip), "--publish", endpoint), endpoint)


def test_missing_models_say_what_to_run(clip: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*UNDERTONE, "watch", str(clip), "--publish", "tcp://127.0.0.1:*"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "UNDERTONE_CACHE": str(tmp_path)},
    )
    fails(done, "undertone models pull holistic")


@pytest.mark.parametrize("command", ["watch", "listen", "inspect", "doctor"])
def test_help_shows_examples(command: str) -> None:
    done = undertone(command, "--help")
    assert done.returncode == 0
    assert f"undertone {command}" in done.stdout
