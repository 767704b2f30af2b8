"""Four films, ``undertone-training label`` run on them, and what it leaves; for tests of several packages."""

import csv
import io
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner

IDS = ["0001", "0002", "0003", "0004"]  # of the fixture ``films``


def film(path: Path, shade: int, *, loud: bool = True) -> Path:
    """A second of 8 pictures, with sound and a title that must not leave this machine."""
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "who won"
        video = out.add_stream("libx264", rate=8)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = out.add_stream("aac", rate=16000) if loud else None
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), shade + number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 8)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if audio is not None:
            heard = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = 16000, 0, Fraction(1, 16000)
            out.mux(audio.encode(heard))
            out.mux(audio.encode())
    return path


@pytest.fixture(scope="session")
def made_films(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for number in range(4):
        film(folder / f"{number + 1:04}.mp4", 40 * number)
    return folder


@pytest.fixture
def films(made_films, tmp_path) -> Path:
    """A folder of four films, 0001 to 0004."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for path in made_films.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def server(gemini_server, monkeypatch):
    """The stand-in of the service. Nobody waits here, and a file is ready at once."""
    from training.labelling.budget import Budget

    monkeypatch.setattr(Budget, "sleep", lambda self, seconds: None)
    gemini_server.polls = 0
    return gemini_server


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "said"


@pytest.fixture
def label(films, out, server):
    """Runs the command on four films, one at a time, and returns its result."""
    from training.__main__ import app

    def run(*options, folder=films, yes=True):
        arguments = ["label", str(folder), "--out", str(out), "--workers", "1", *map(str, options)]
        return CliRunner().invoke(app, [*arguments, *(["--yes"] if yes else [])])

    return run


def lines(out: Path) -> dict[str, dict[str, Any]]:
    """The lines that training reads, by id."""
    return {line["id"]: line for line in map(json.loads, (out / "labels.jsonl").read_text().splitlines())}


def sheet(out: Path) -> list[dict[str, str]]:
    """The rows of the sheet for a person."""
    return list(csv.DictReader(io.StringIO((out / "audit.csv").read_text(encoding="utf-8-sig"))))


def kept(out: Path) -> Iterator[dict[str, Any]]:
    """The kept answers, by file name."""
    return (json.loads(path.read_bytes()) for path in sorted((out / "answers").iterdir()))
