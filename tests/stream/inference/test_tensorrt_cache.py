"""An engine is loaded only where this user built it, on this machine, from this very file."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from stream.bundle.load import demo_bundle
from stream.errors import ProviderError
from stream.inference import tensorrt_cache
from stream.inference.tensorrt_cache import ENGINE, RECORD, Machine, find, folder, key, put

MACHINE = Machine(
    tensorrt="10.16.1", cuda="13.0", driver="580.65.06", gpu="NVIDIA H200", sm="9.0", onnxruntime="1.31.1"
)


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copy(demo_bundle() / "fusion.onnx", tmp_path / "keypoints.onnx"))


def writes(data: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(data), None)[1]


def refused(graph: Path, found: str) -> None:
    with pytest.raises(ProviderError) as error:
        find(graph, MACHINE)
    assert found in str(error.value)
    assert "undertone-export engines" in str(error.value)
    assert "\n" not in str(error.value)


def test_built_then_found_for_its_owner_alone(graph: Path) -> None:
    before = os.umask(0)  # whatever the user's is
    try:
        engine = put(graph, MACHINE, writes(b"an engine"))
    finally:
        os.umask(before)
    assert find(graph, MACHINE) == engine
    assert engine.read_bytes() == b"an engine"
    assert [
        p.stat().st_mode & 0o777 for p in (folder(), engine.parent, engine, engine.with_name(RECORD))
    ] == [
        0o700,
        0o700,
        0o600,
        0o600,
    ]
    assert os.listdir(folder()) == [key(tensorrt_cache.digest(graph), MACHINE)]


@pytest.mark.parametrize("field", ["tensorrt", "cuda", "driver", "gpu", "sm", "onnxruntime"])
def test_another_machine_is_another_key(graph: Path, field: str) -> None:
    put(graph, MACHINE, writes(b"an engine"))
    other = msgspec.structs.replace(MACHINE, **{field: "other"})
    assert key("a", other) != key("a", MACHINE)
    with pytest.raises(ProviderError, match="built on this machine, found none in"):
        find(graph, other)


def test_another_graph_or_other_options_are_another_key() -> None:
    assert len({key("a", MACHINE), key("b", MACHINE), key("a", MACHINE, {"trt_x": "1"})}) == 3


def test_other_weights_beside_the_graph_are_another_key(graph: Path) -> None:
    onnx = pytest.importorskip(
        "onnx", reason="weights in another file are written with onnx (extra training)"
    )
    model = onnx.load(graph)
    onnx.save(model, graph, save_as_external_data=True, location="weights.bin", size_threshold=0)
    put(graph, MACHINE, writes(b"an engine"))
    before = tensorrt_cache.digest(graph)
    weights = graph.with_name("weights.bin")
    weights.write_bytes(weights.read_bytes()[::-1])
    assert tensorrt_cache.digest(graph) != before
    refused(graph, "found none in")


def test_none_says_what_to_run(graph: Path) -> None:
    refused(graph, f"found none in {folder()}; run `undertone-export engines {graph}`")
    (graph.parent / "manifest.json").write_text("{}")
    refused(graph, f"`undertone-export engines {graph.parent}`")


@pytest.mark.parametrize("which", ["folder", "place", "engine", "record"])
@pytest.mark.parametrize("mode", [0o070, 0o007, 0o020, 0o004])
def test_what_others_can_reach_is_refused(graph: Path, which: str, mode: int) -> None:
    engine = put(graph, MACHINE, writes(b"an engine"))
    path = {
        "folder": folder(),
        "place": engine.parent,
        "engine": engine,
        "record": engine.with_name(RECORD),
    }[which]
    path.chmod(path.stat().st_mode | mode)
    refused(graph, "that let others in")


def test_what_another_user_owns_is_refused(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(graph, MACHINE, writes(b"an engine"))
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    refused(graph, f"one that user {owner} owns")


def test_a_link_is_refused(graph: Path, tmp_path: Path) -> None:
    engine = put(graph, MACHINE, writes(b"an engine"))
    elsewhere = tmp_path / "elsewhere.onnx"
    engine.rename(elsewhere)
    engine.symlink_to(elsewhere)
    refused(graph, "a link or something else")


def test_an_engine_from_elsewhere_is_refused(graph: Path) -> None:
    """Another machine's engine under this machine's name, and one that was exchanged."""
    other = put(graph, msgspec.structs.replace(MACHINE, sm="8.9"), writes(b"from elsewhere"))
    place = folder() / key(tensorrt_cache.digest(graph), MACHINE)
    other.parent.rename(place)
    refused(graph, "a record of another graph or machine")
    (place / ENGINE).unlink()
    refused(graph, "found nothing")


def test_an_engine_that_was_exchanged_is_refused(graph: Path) -> None:
    engine = put(graph, MACHINE, writes(b"an engine"))
    engine.write_bytes(b"another  ")
    refused(graph, "an engine that differs from its record")
    engine.with_name(RECORD).write_text("{}")
    refused(graph, "no record that reads")


def test_a_cache_that_others_own_is_not_built_into(graph: Path) -> None:
    folder().mkdir(parents=True, mode=0o777)
    folder().chmod(0o777)
    with pytest.raises(ProviderError, match="permissions 0777 that let others in"):
        put(graph, MACHINE, writes(b"an engine"))


def test_a_cache_that_cannot_be_written_is_one_sentence(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ProviderError, match="set UNDERTONE_CACHE to a folder that can"):
        put(graph, MACHINE, writes(b"an engine"))


def test_a_build_that_fails_leaves_nothing(graph: Path) -> None:
    def fails(path: Path) -> None:
        path.write_bytes(b"half")
        raise ProviderError("no memory")

    with pytest.raises(ProviderError, match="no memory"):
        put(graph, MACHINE, fails)
    assert os.listdir(folder()) == []


def test_of_two_builds_at_once_one_wins_and_both_have_it(graph: Path) -> None:
    together = threading.Barrier(2, timeout=30)
    found: list[bytes] = []

    def build(data: bytes) -> None:
        def write(path: Path) -> None:
            path.write_bytes(data)
            together.wait()  # both are building: neither was there when the other began

        found.append(put(graph, MACHINE, write).read_bytes())

    threads = [threading.Thread(target=build, args=(data,)) for data in (b"first", b"other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert find(graph, MACHINE).read_bytes() == found[0]
    assert len(os.listdir(folder())) == 1


def test_what_is_there_is_not_built_again(graph: Path) -> None:
    engine = put(graph, MACHINE, writes(b"an engine"))
    assert put(graph, MACHINE, writes(b"another")) == engine
    assert engine.read_bytes() == b"an engine"
