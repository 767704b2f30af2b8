"""Every graph of a bundle is run; a shape or a number that is wrong is named."""

import msgspec
import pytest

from export.bundles.write import save
from export.commands import smoke
from export.commands.smoke import inspect
from export.lowering.module_parity import session
from stream.bundle.load import load, parse
from stream.errors import BundleError


def test_every_graph_runs_on_full_partial_and_empty_windows(bundle):
    assert len(list(inspect(load(bundle)))) == 5


def test_a_wrong_shape_is_found_by_check(copy):
    manifest = load(copy).manifest
    longer = msgspec.json.encode(manifest).replace(b"[1,60,200]", b"[1,61,200]")
    save(copy, parse(longer))
    with pytest.raises(BundleError, match=r"keypoints\.onnx.*61"):
        list(inspect(load(copy)))


def test_a_number_that_is_none_is_named(bundle, monkeypatch):
    class Spoilt:
        def __init__(self, path):
            self.session = session(path)

        def __getattr__(self, name):
            return getattr(self.session, name)

        def run(self, names, case):
            return [output * float("nan") for output in self.session.run(names, case)]

    monkeypatch.setattr(smoke, "session", Spoilt)
    with pytest.raises(BundleError, match=r"keypoints\.onnx: expected finite outputs, found NaN"):
        list(inspect(load(bundle)))


def test_what_tensorrt_does_not_take_is_said_and_is_no_fault(bundle, monkeypatch):
    monkeypatch.setattr(smoke, "unsupported", lambda path: ["Loop"] if path.name == "text.onnx" else [])
    lines = list(inspect(load(bundle)))
    assert [line for line in lines if "tensorrt" in line] == ["text.onnx: not for --provider tensorrt: Loop"]
