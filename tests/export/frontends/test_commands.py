"""``undertone-export frontends``: a file and its card, or one sentence."""

import pytest
from typer.testing import CliRunner

from export.__main__ import app, main
from stream.bundle.model_card import card_file, card_of


def test_a_whole_body_file_and_where_its_card_is(rtmw, tmp_path):
    done = CliRunner().invoke(app, ["frontends", "wholebody", str(rtmw), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    place = tmp_path / rtmw.name
    assert f"{place}: " in done.output
    assert f"{card_file(place)}: its card" in done.output
    card = card_of(place, "keypoints")
    assert (card.preprocessing.width, card.preprocessing.height, card.opset) == (192, 256, 18)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detector", "yolo11x.yaml", "--size", "big"], "--size: expected a side or WIDTHxHEIGHT"),
        (["detector", "yolo11x.yaml", "--precision", "int4"], "--precision: expected fp32 or fp16"),
        (["image", "nowhere", "--token", "max"], "--token: expected cls or mean"),
        (["image", "no/such/folder/here"], "expected DINOv2 weights"),
        (["bert", "no/such/folder/here"], "expected BERT weights"),
        (["wholebody", "none.onnx"], "expected an RTMW or DWPose file in ONNX"),
    ],
)
def test_one_sentence(arguments, words, tmp_path, monkeypatch, capsys, ultralytics):
    command = ["undertone-export", "frontends", *arguments, "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr().err
    assert stopped.value.code == 1
    assert words in said
    assert len(said.strip().split("\n")) == 1, said


def test_without_the_training_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.argv", ["undertone-export", "frontends", "image", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        main()
    assert "undertone-live[training]" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(rtmw, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    command = ["undertone-export", "frontends", "wholebody", str(rtmw), "--out", str(tmp_path / "file")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit):
        main()
    assert "expected a folder to write models to" in capsys.readouterr().err
