"""One record holds each option's name, type and default; the command line is read off it."""

import dataclasses
import inspect
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream.cli import parameters
from stream.cli.app import app
from stream.cli.options import InspectOptions, ListenOptions, PlaybackOptions, WatchOptions
from stream.cli.parameters import HELP, takes
from stream.describing.options import TextOptions
from stream.errors import UsageError
from stream.frontend.options import FrontEndOptions
from stream.runtime.front_end_choice import Choice, chosen

COMMANDS = {"watch": WatchOptions, "inspect": InspectOptions, "listen": ListenOptions}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the commands would run with."""
    found: list[object] = []
    for module in ("watch", "inspection", "listen"):
        monkeypatch.setattr(f"stream.cli.{module}.run", found.append)
    return found


@pytest.mark.parametrize(("command", "record"), COMMANDS.items())
def test_without_options_every_field_has_the_records_own_default(
    command: str, record: type, taken: list[object]
) -> None:
    done = CliRunner().invoke(app, [command, "demo"])
    assert done.exit_code == 0, done.output
    first = {"watch": ["demo"]}.get(command, "demo")
    assert taken == [record(first)]


def test_options_reach_their_groups(taken: list[object]) -> None:
    arguments = (
        "demo --pace live --for 3 --timeout 2 --hop 5 --overlay x.mp4 --name Ada --name Byron --every 20"
    )
    arguments += " --describe-model m --detector yolo --detector-model d.onnx --insecure --any-extractor"
    done = CliRunner().invoke(app, ["watch", *arguments.split()])
    assert done.exit_code == 0, done.output
    [found] = taken
    assert isinstance(found, WatchOptions)
    assert found.playback == PlaybackOptions(pace="live", for_s=3.0, timeout_s=2.0)
    assert (found.model.hop, found.model.any_extractor) == (5, True)
    assert found.output.overlay == Path("x.mp4")
    assert found.text == TextOptions(model="m", every_s=20.0, names=("Ada", "Byron"))
    assert found.front_end == FrontEndOptions(detector="yolo", detector_model=Path("d.onnx"))
    assert found.publish.insecure


@pytest.mark.parametrize("record", HELP)
def test_every_field_has_help_that_ends_with_a_full_stop_and_no_help_is_left_over(record: type) -> None:
    hints = {each.name: each for each in dataclasses.fields(record)}
    groups = {n for n, each in hints.items() if each.default_factory is not dataclasses.MISSING}
    about = HELP[record][1]
    assert set(about) == set(hints) - groups
    assert all(str(help_["help"]).endswith(".") for help_ in about.values())


def test_help_is_grouped() -> None:
    shown = CliRunner().invoke(app, ["watch", "--help"]).output
    titles = {panel for panel, _ in HELP.values() if panel}
    assert len(titles) == 7
    assert all(f"─ {title} " in shown for title in titles)


def test_a_choice_is_made_of_the_options_of_the_front_end() -> None:
    given = FrontEndOptions(keypoints="wholebody", keypoints_model=Path("w.onnx"))
    assert chosen(given) == Choice(keypoints="wholebody", keypoints_model=Path("w.onnx"))
    with pytest.raises(UsageError, match="--detector: expected pose or yolo"):
        FrontEndOptions(detector="eyes")


def test_two_groups_with_the_same_option_are_refused() -> None:
    @dataclasses.dataclass(frozen=True)
    class Twice:
        one: PlaybackOptions = dataclasses.field(default_factory=PlaybackOptions)
        two: PlaybackOptions = dataclasses.field(default_factory=PlaybackOptions)

    parameters.HELP[Twice] = (None, {})
    try:
        with pytest.raises(ValueError, match="duplicate"):
            takes(Twice)(lambda _: None)
    finally:
        del parameters.HELP[Twice]


def test_the_flat_function_can_be_read_by_typer() -> None:
    flat = takes(ListenOptions)(lambda _: None)
    names = [each.name for each in dataclasses.fields(ListenOptions)]
    assert list(inspect.signature(flat).parameters) == names
