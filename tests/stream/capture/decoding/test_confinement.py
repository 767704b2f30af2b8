"""What the decoder process can no longer do once it reads what strangers send."""

from pathlib import Path

from stream.capture.capture import Capture
from stream.capture.source import Source


def test_the_decoder_is_confined(clip: Path) -> None:
    with Capture(Source.parse(str(clip)), pace="fast") as capture:
        capture.open()
        status = Path(f"/proc/{capture.child_pid}/status").read_text()
        limits = Path(f"/proc/{capture.child_pid}/limits").read_text().splitlines()
    found = {line[:26].strip(): line[26:].split()[0] for line in limits}
    assert "NoNewPrivs:\t1" in status
    assert found["Max core file size"] == "0"
    assert int(found["Max open files"]) <= 256
    assert int(found["Max address space"]) <= 16 << 30
