"""The command: a folder of videos becomes a corpus, whatever dies on the way."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import Dinov2Config, Dinov2Model
from typer.testing import CliRunner

from stream.errors import ModelError, SourceError, UsageError
from stream.files import sha256_of
from stream.frontend.mediapipe.embedded import EXTRACTOR
from training.__main__ import app
from training.corpus.store import Store
from training.extraction import extracting, frames
from training.extraction.extracting import Options
from training.simulator.rendering import ASSETS, read_video, write_video

pytestmark = pytest.mark.slow

LABELS = "id,subject,label,text\na,anna,win,He smiles.\nb.mp4,bob,loss,\nc,carl,win,\n"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def clips(tmp_path_factory, holistic_files):
    """Four short videos of one person; d is in no label file."""
    folder = tmp_path_factory.mktemp("clips") / "clips"
    folder.mkdir()
    for i, (name, count) in enumerate({"a": 15, "b": 60, "c": 20, "d": 25}.items()):
        pictures = islice(read_video(ASSETS / "demo.mp4"), 10 * i, 10 * i + count)
        write_video(folder / f"{name}.mp4", pictures, preset="veryfast")
    (folder / "labels.csv").write_text(LABELS)
    return folder


@pytest.fixture(scope="module")
def corpus(clips, tmp_path_factory):
    options = Options(clips, clips / "labels.csv", tmp_path_factory.mktemp("corpus"), workers=2)
    return extracting.run(options)


def options(clips, out, **more) -> Options:
    return Options(clips, clips / "labels.csv", out, **{"workers": 1, **more})


def contents(store: Store) -> dict[str, str]:
    return {entry.id: entry.sha256 for entry in store.index.entries}


def test_a_folder_becomes_a_corpus(corpus):
    index = corpus.index
    assert {e.id: (e.subject, e.label, e.ticks) for e in index.entries} == {
        "a": ("anna", 1, 15), "b": ("bob", 0, 60), "c": ("carl", 1, 20), "d": ("unknown-d", None, 25),
    }  # fmt: skip
    assert index.extractors == {"keypoints": EXTRACTOR}
    assert not index.simulated
    assert {e.source_rate for e in index.entries} == {25.0}
    assert corpus.entries["d"].note == "not in the label file"
    assert corpus.recording("a").text == "He smiles."
    assert sorted(i for part in index.splits["disjoint"].parts.values() for i in part) == ["a", "b", "c"]
    assert not multiprocessing.active_children()


def test_a_killed_run_continues_and_writes_nothing_again(clips, corpus, tmp_path):
    command = ["-m", "training", "extract", str(clips), "--labels", str(clips / "labels.csv")]
    running = subprocess.Popen(
        [sys.executable, *command, "--out", str(tmp_path), "--workers", "1"],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    first, until = tmp_path / "recordings" / "a.safetensors", time.monotonic() + 120
    while not first.exists() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    with pytest.raises(UsageError, match="run the same import again"):
        Store.open(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "recordings").glob("[!.]*")}
    assert first in before
    store = extracting.run(options(clips, tmp_path))
    assert contents(store) == contents(corpus)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("recordings/*")}
    extracting.run(options(clips, tmp_path))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("recordings/*")} == after


def test_a_worker_that_dies_and_videos_that_are_none_cost_only_themselves(
    clips, corpus, tmp_path, monkeypatch, capsys
):
    folder, spread, killed = tmp_path / "clips", extracting.spread, []
    shutil.copytree(clips, folder)
    (folder / "e.mp4").write_bytes(b"junk" * 99)
    (folder / "f.mkv").write_bytes(b"")

    def deadly(jobs, setup, workers, said):
        def says(job, far):
            if job.id == "b" and not killed:
                killed.extend(multiprocessing.active_children())
                os.kill(killed[0].pid, signal.SIGKILL)
            said(job, far)

        return spread(jobs, setup, workers, says)

    monkeypatch.setattr(extracting, "spread", deadly)
    with pytest.raises(SourceError, match=r"expected 6 videos .* found 3 that cannot \(b, e, f\)") as caught:
        extracting.run(options(folder, tmp_path / "c"))
    assert "\n" not in str(caught.value)
    lines = [line for line in capsys.readouterr().err.splitlines() if line[1:2] == ":"]
    assert [line[0] for line in lines] == ["b", "e", "f"]
    assert "ended by signal 9" in lines[0]
    assert "not a video that can be read" in lines[1]
    assert "empty (0 bytes)" in lines[2]
    assert sorted(Store.open(tmp_path / "c").entries) == ["a", "c", "d"]
    (folder / "e.mp4").unlink()
    (folder / "f.mkv").unlink()
    assert contents(extracting.run(options(folder, tmp_path / "c"))) == contents(corpus)


def test_image_features_and_portraits(clips, tmp_path):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(image_size=56, patch_size=14, **sizes)).save_pretrained(tmp_path / "small")
    chosen = {"encoder": str(tmp_path / "small")}
    store = extracting.run(options(clips, tmp_path / "c", **chosen))
    weights = sha256_of(tmp_path / "small" / "model.safetensors")
    assert store.index.extractors["image"].sha256 == weights
    assert {e.features for e in store.index.entries} == {16}
    recording = store.recording("b")
    assert recording.features.shape == (12, 16)
    assert recording.feature_mask.all()
    assert recording.features.std(0).min() > 0
    before = contents(store)
    again = extracting.run(options(clips, tmp_path / "c", **chosen, frames=4))  # only the portraits are made
    assert contents(again) == before
    for id in before:
        kept = frames.read(tmp_path / "c", id, 4)
        assert kept.shape == (4, 224, 224, 3)
        assert kept.std() > 10
    with pytest.raises(UsageError, match="choose another folder"):
        extracting.run(options(clips, tmp_path / "c"))
    with pytest.raises(ModelError, match="expected a portrait encoder"):
        extracting.run(options(clips, tmp_path / "d", encoder=str(clips)))
    assert not (tmp_path / "d").exists()


def test_labels_without_a_video_and_labels_that_changed(clips, corpus, tmp_path):
    shutil.copytree(corpus.folder, tmp_path / "c")
    changed = tmp_path / "labels.csv"
    changed.write_text(LABELS + "x,xena,win,\n")
    with pytest.raises(UsageError, match=r"found none for 1 \(x\).*--partial"):
        extracting.run(Options(clips, changed, tmp_path / "c"))
    whole = extracting.run(Options(clips, changed, tmp_path / "c", partial_release=True))
    assert contents(whole) == contents(corpus)
    changed.write_text(LABELS.replace("He smiles.", "He frowns."))
    with pytest.raises(UsageError, match=r"expected the subjects, results and texts .* others \(a\); remove"):
        extracting.run(Options(clips, changed, tmp_path / "c"))
    changed.write_text(LABELS.replace("loss", "win"))
    with pytest.raises(UsageError, match=r"found others \(b\); remove these recordings"):
        extracting.run(Options(clips, changed, tmp_path / "c"))
    (tmp_path / "c" / "recordings" / "b.safetensors").unlink()
    assert extracting.run(Options(clips, changed, tmp_path / "c")).entries["b"].label == 1


def test_videos_of_imigue_get_its_published_splits(clips, tmp_path):
    """The label file leaves out leading zeros."""
    shutil.copy(clips / "a.mp4", tmp_path / "0001.mp4")
    shutil.copy(clips / "c.mp4", tmp_path / "0054.mp4")
    named = tmp_path / "labels.csv"
    named.write_text("video_id,subject_id,win_or_lose\n1,2,Win\n54,3,Lose\n")
    store = extracting.run(Options(tmp_path, named, tmp_path / "corpus", workers=1, imigue=True))
    assert store.ids("track3", "train") == ("0001",)
    assert store.ids("track3", "test") == ("0054",)
    assert [e.label for e in store.index.entries] == [1, 0]


def test_the_command(clips, corpus, tmp_path):
    shutil.copytree(corpus.folder, tmp_path / "c")
    arguments = ["extract", str(clips), "--labels", str(clips / "labels.csv"), "--out", str(tmp_path / "c")]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "4 recordings, 3 with a note; splits: disjoint" in result.stdout
    help = CliRunner().invoke(app, ["extract", "--help"]).stdout
    assert "Example: undertone-training extract" in " ".join(help.split())
