"""An overlay that plays before its end, whose index does not grow, and that follows nobody's link."""

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from stream.errors import UsageError
from stream.overlay import mp4
from stream.overlay.mp4 import FRAGMENT_S, TICKS, Mp4

FPS = 25
PICTURE = np.full((64, 96, 3), 90, np.uint8)


def write(file: Mp4, seconds: float, begin: int = 0) -> None:
    for number in range(begin, begin + round(seconds * FPS)):
        picture = PICTURE.copy()
        picture[:, number % 96] = 255
        file.write(picture, number * TICKS // FPS)


def pictures(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def boxes(path: Path) -> list[str]:
    """The kinds of the outermost boxes of an MP4 (ISO/IEC 14496-12)."""
    raw, at, found = path.read_bytes(), 0, list[str]()
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        found.append(raw[at + 4 : at + 8].decode())
        at += size
    return found


def test_the_temporary_file_plays_while_it_grows(tmp_path: Path) -> None:
    file = Mp4(tmp_path / "out.mp4", (96, 64), FPS, fragmented=True)
    write(file, 20)
    [partial] = tmp_path.iterdir()
    assert partial.name.startswith(".out.mp4.")
    played = pictures(partial)
    assert played[0] == 0.0
    assert played[-1] > 20 - 3 * FRAGMENT_S, "all but the last fragments, and what the encoder holds"
    file.close()
    assert len(pictures(tmp_path / "out.mp4")) == 20 * FPS
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_killed_run_leaves_what_plays(tmp_path: Path) -> None:
    code = (
        "import os, sys, numpy as np; from pathlib import Path; from stream.overlay.mp4 import Mp4\n"
        "file = Mp4(Path(sys.argv[1]), (96, 64), 25, fragmented=True)\n"
        "for n in range(500): file.write(np.full((64, 96, 3), n % 250, np.uint8), 40 * n)\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.mp4")], check=False, timeout=120)
    [partial] = tmp_path.iterdir()
    assert len(pictures(partial)) > 300


def test_no_index_of_the_whole_is_written_at_the_end(tmp_path: Path) -> None:
    """The table of all samples stays empty: each fragment brings its own."""
    for seconds in (4, 40):
        file = Mp4(tmp_path / f"{seconds}.mp4", (96, 64), FPS, fragmented=True)
        write(file, seconds)
        file.close()
    short, long = (boxes(tmp_path / f"{seconds}.mp4") for seconds in (4, 40))
    assert long.count("moov") == short.count("moov") == 1
    assert long.count("moof") >= 40 / FRAGMENT_S > short.count("moof")
    raw = (tmp_path / "40.mp4").read_bytes()
    moov = raw.index(b"moov") - 4
    assert int.from_bytes(raw[moov : moov + 4], "big") < 2000


def test_slow_pictures_are_fragmented_too(tmp_path: Path) -> None:
    file = Mp4(tmp_path / "out.mp4", (96, 64), FPS, fragmented=True)
    for number in range(100):
        file.write(PICTURE, number * TICKS)  # one a second
    [partial] = tmp_path.iterdir()
    assert pictures(partial)[-1] > 30
    file.close()


def test_a_foreseeable_name_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4.secrets, "token_hex", lambda _: "known")
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / f".out.mp4.{os.getpid()}-known.partial").symlink_to(precious)
    with pytest.raises(UsageError, match=r"out\.mp4 cannot be written \(File exists\)"):
        Mp4(tmp_path / "out.mp4", (96, 64), FPS)
    assert precious.read_text() == "precious"


def test_two_files_of_one_process_do_not_share_a_temporary_name(tmp_path: Path) -> None:
    files = [Mp4(tmp_path / "out.mp4", (96, 64), FPS) for _ in range(2)]
    assert len(list(tmp_path.iterdir())) == 2
    for file in files:
        write(file, 1)
        file.close()
    assert len(pictures(tmp_path / "out.mp4")) == FPS
