"""Checkpoints: what reads, what is none, and what a pickle may not do."""

import pickle

import pytest
import torch

from export.frontends.checkpoint import load
from stream.errors import UsageError

pytestmark = pytest.mark.slow


class Planted:
    """Unpickled by a careless reader, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, ultralytics, one_sentence):
    path, victim = tmp_path / "evil.pt", tmp_path / "written"
    torch.save({"model": Planted(str(victim))}, path)
    one_sentence(lambda: load(str(path)), "expected an ultralytics detection checkpoint")
    assert not victim.exists()
    path.write_bytes(pickle.dumps(Planted(str(victim))))
    one_sentence(lambda: load(str(path)), "expected an ultralytics detection checkpoint")
    assert not victim.exists()


def test_a_truncated_checkpoint(checkpoint, tmp_path, one_sentence):
    path = tmp_path / "cut.pt"
    path.write_bytes(checkpoint.read_bytes()[:100_000])
    one_sentence(
        lambda: load(str(path)), "expected an ultralytics detection checkpoint, found something else"
    )
    path.write_bytes(b"")
    one_sentence(
        lambda: load(str(path)), "expected an ultralytics detection checkpoint, found something else"
    )


@pytest.mark.parametrize(
    ("name", "head"), [("yolo11n-pose", "Pose"), ("yolo11n-seg", "Segment"), ("yolo11n-cls", "")]
)
def test_a_network_that_is_no_detector(name, head, ultralytics, one_sentence):
    words = f"found one with the head {head}" if head else "expected "
    one_sentence(lambda: load(f"{name}.yaml"), words)


def test_a_pose_checkpoint(tmp_path, ultralytics, one_sentence):
    model = ultralytics.tasks.PoseModel("yolo11n-pose.yaml", verbose=False)
    torch.save({"model": model, "train_args": {}}, tmp_path / "pose.pt")
    one_sentence(
        lambda: load(str(tmp_path / "pose.pt")), "expected a detection model .* found one with the head Pose"
    )


def test_sources_that_are_nothing(tmp_path, monkeypatch, ultralytics, one_sentence):
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path))
    one_sentence(
        lambda: load("nobody-knows-this.pt"), "expected a checkpoint file or the name of a released one"
    )
    one_sentence(
        lambda: load("weights/yolo11x.pt"), "expected a checkpoint file or the name of a released one"
    )
    one_sentence(
        lambda: load("nobody-knows-this.yaml"), "expected the configuration of an ultralytics detector"
    )
    one_sentence(lambda: load("yolo11x.onnx"), r"expected an ultralytics checkpoint \(.pt\)", UsageError)


def test_no_network(tmp_path, monkeypatch, ultralytics, one_sentence):
    def offline(place):
        raise ConnectionError("Download failure. Environment may be offline.")

    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path))
    monkeypatch.setattr("ultralytics.utils.downloads.attempt_download_asset", offline)
    one_sentence(lambda: load("yolo11x.pt"), "expected this release of ultralytics over the network")


def test_nothing_is_sent_installed_or_looked_up(ultralytics):
    from ultralytics import settings
    from ultralytics.utils import AUTOINSTALL, ONLINE, SAFE_LOAD
    from ultralytics.utils.events import events

    assert {settings["sync"], AUTOINSTALL, ONLINE, events.enabled, not SAFE_LOAD} == {False}
