"""The gate of front-end models: the demo bundle's encoder as one, true and with other answers."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stream.bundle.load import Bundle, demo_bundle
from stream.bundle.manifest import Extractor
from stream.bundle.model_card import Answered, Card, Preprocessing, card_file, card_of
from stream.errors import ModelError, ProviderError
from stream.files import sha256_of
from stream.inference.engine import Engine
from stream.runtime.front_end_choice import Choice
from stream.verify import gate, model_parity


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def written(folder: Path, *, precision: str = "fp16", off: float = 0.0, golden: bool = True) -> Path:
    """The encoder with its card, said to be of a precision, and answers that are ``off``."""
    bundle = Bundle.load(demo_bundle())
    image = bundle.manifest.image
    assert image is not None
    path = Path(shutil.copyfile(bundle.path(image.encoder.file), folder / "encoder.onnx"))
    card = Card(
        kind="image",
        file=path.name,
        sha256=sha256_of(path),
        size=path.stat().st_size,
        source="made here",
        extractor=Extractor(name="any", sha256="any"),
        licence="Apache-2.0",
        graph=msgspec.structs.replace(image.encoder, file=path.name),
        preprocessing=Preprocessing(
            resize="stretch", width=image.size, height=image.size, mean=image.mean, std=image.std, note=""
        ),
        token="cls",
        opset=18,
        precision=precision,
        tools={},
        created="2026-01-01",
    )
    if golden:
        size = (2, image.size, image.size, 3)
        inputs = {"pictures": np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)}
        engine = Engine(path, card.graph)
        answers = model_parity.golden_outputs(
            card, [engine(**case) for case in model_parity.feeds(card, inputs)]
        )
        answers["vector"] = answers["vector"] * np.float32(1 + off)
        model_parity.save(folder / "encoder.golden.npz", inputs, answers)
        said = Answered(
            file="encoder.golden.npz", sha256=sha256_of(folder / "encoder.golden.npz"), outputs="here"
        )
        card = msgspec.structs.replace(card, golden=said)
    card_file(path).write_bytes(msgspec.json.encode(card))
    return path


def test_a_model_that_gives_its_golden_answers_passes_once(tmp_path: Path) -> None:
    choice, said = Choice(image=written(tmp_path)), list[str]()
    for _ in range(2):
        choice.prove("cpu", said.append)
    assert len(said) == 2
    assert said[0].startswith("encoder is not yet proven on cpu here")
    assert said[1].startswith("passed in ")
    report = gate.read(model_parity.open_model(tmp_path / "encoder.onnx"), "cpu")
    assert report is not None
    assert [(d.graph, d.cases, d.passed) for d in report.graphs] == [("vector", 2, True)]
    assert "# encoder on cpu: passed" in gate.markdown(report)


def test_a_model_that_says_something_else_is_refused(tmp_path: Path) -> None:
    choice = Choice(image=written(tmp_path, off=0.05))
    for _ in range(2):  # found out, then read
        with pytest.raises(ProviderError) as raised:
            choice.prove("cpu", lambda _: None)
    message = str(raised.value)
    assert "expected the golden outputs of model encoder, found others from vector (relative 0.048" in message
    assert str(gate.report_path(model_parity.open_model(tmp_path / "encoder.onnx"), "cpu")) in message
    assert "\n" not in message


def test_float32_on_the_cpu_is_the_reference(tmp_path: Path) -> None:
    Choice(image=written(tmp_path, precision="fp32", off=0.5)).prove("cpu", pytest.fail)


def test_other_golden_answers_are_another_proof(tmp_path: Path) -> None:
    paths = []
    for name, off in (("a", 0.0), ("b", 0.05)):
        (tmp_path / name).mkdir()
        paths.append(gate.report_path(model_parity.open_model(written(tmp_path / name, off=off)), "cpu"))
    assert paths[0] != paths[1]


@pytest.mark.parametrize("provider", ["cpu", "cuda"])
def test_without_golden_answers_nothing_is_proven(tmp_path: Path, provider: str) -> None:
    with pytest.raises(ModelError, match=r"expected golden outputs .* found none; export it again"):
        Choice(image=written(tmp_path, golden=False)).prove(provider, lambda _: None)


def test_a_whole_body_file_without_a_card_is_for_the_cpu(tmp_path: Path) -> None:
    path = tmp_path / "rtmw.onnx"
    path.write_bytes(b"network")
    choice = Choice(keypoints="wholebody", keypoints_model=path)
    choice.prove("cpu", pytest.fail)
    with pytest.raises(ModelError, match="expected the model's card beside it"):
        choice.prove("cuda", pytest.fail)


def test_a_provider_that_is_not_here_proves_nothing(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ProviderError, match="provider cuda"):
        Choice(image=written(tmp_path)).prove("cuda", lambda _: None)
    assert not (cache / "gate").exists()


@pytest.mark.parametrize(
    ("raw", "words"),
    [(None, "expected encoder.golden.npz beside it"), (b"else", "expected encoder.golden.npz beside it")],
)
def test_golden_answers_that_are_others(tmp_path: Path, raw: bytes | None, words: str) -> None:
    model = model_parity.open_model(written(tmp_path))
    golden = tmp_path / "encoder.golden.npz"
    if raw is None:
        golden.unlink()
    else:
        golden.write_bytes(raw)
    with pytest.raises(ModelError, match=words):
        model_parity.check(model)


def test_golden_answers_that_do_not_read(tmp_path: Path) -> None:
    model = model_parity.open_model(written(tmp_path))
    assert model.card.golden is not None
    golden = tmp_path / "encoder.golden.npz"
    for raw, words in ((b"else", "found something else"), (None, "no pictures")):
        if raw is None:
            np.savez(golden, vector=np.zeros((1, 96), np.float32))
        else:
            golden.write_bytes(raw)
        said = msgspec.structs.replace(model.card.golden, sha256=sha256_of(golden))
        other = model_parity.Model(model.path, msgspec.structs.replace(model.card, golden=said))
        with pytest.raises(ModelError, match=words):
            model_parity.check(other)


def test_a_golden_file_elsewhere_is_refused(tmp_path: Path) -> None:
    model = model_parity.open_model(written(tmp_path))
    assert model.card.golden is not None
    said = msgspec.structs.replace(model.card.golden, file="../encoder.golden.npz")
    with pytest.raises(ModelError, match="beside it"):
        model_parity.check(model_parity.Model(model.path, msgspec.structs.replace(model.card, golden=said)))


def test_the_boxes_that_are_kept_have_the_best_among_them(tmp_path: Path) -> None:
    card = msgspec.structs.replace(card_of(written(tmp_path)), kind="detector", person=1)
    raw = np.random.default_rng(0).random((1, 7, 5040)).astype(np.float32)
    kept = model_parity.golden_outputs(card, [(raw,), (2 * raw,)])
    assert kept["boxes"].shape == (2, 4, model_parity.SPREAD + model_parity.BEST)
    best = np.sort(raw[0, 5])[-model_parity.BEST :]
    assert np.isin(best, kept["scores"][0, 1]).all()
    np.testing.assert_array_equal(kept["boxes"][1], 2 * kept["boxes"][0])
