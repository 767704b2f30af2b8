"""Cameras by number and by word, on made-up device folders."""

from pathlib import Path

import pytest

from stream.cli import sources
from stream.cli.sources import Camera, cameras, resolve
from stream.errors import UsageError

Folders = tuple[Path, Path]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    devices, names = tmp_path / "dev", tmp_path / "video4linux"
    devices.mkdir()
    names.mkdir()
    (devices / "video").touch()  # no number: no camera
    return devices, names


def plug(folders: Folders, number: int, name: str | None, index: int = 0) -> str:
    devices, names = folders
    device = devices / f"video{number}"
    device.touch()
    if name is not None:
        (names / device.name).mkdir()
        (names / device.name / "name").write_text(name + "\n")
        (names / device.name / "index").write_text(f"{index}\n")
    return str(device)


def resolved(text: str, folders: Folders) -> str:
    return resolve(text, devices=folders[0], names=folders[1])


def test_cameras_are_listed_by_number_with_their_names(folders: Folders) -> None:
    ten = plug(folders, 10, "Desk\x1b[31m cam")
    two = plug(folders, 2, None)
    assert cameras(*folders) == [Camera(two, 2, "", True), Camera(ten, 10, "Desk[31m cam", True)]


def test_a_number_is_its_device(folders: Folders) -> None:
    plug(folders, 0, "A")
    one = plug(folders, 1, "B")
    assert resolved("1", folders) == one


def test_webcam_is_the_one_that_gives_pictures(folders: Folders) -> None:
    camera = plug(folders, 0, "A")
    plug(folders, 1, "A", index=1)  # a camera's metadata
    assert resolved("webcam", folders) == camera
    assert resolved("camera", folders) == camera


def test_several_cameras_are_named(folders: Folders) -> None:
    plug(folders, 0, "Lid")
    plug(folders, 2, "Desk")
    with pytest.raises(
        UsageError, match=r"expected one camera, found \S+video0 \(Lid\), \S+video2 \(Desk\); name"
    ):
        resolved("webcam", folders)
    with pytest.raises(UsageError, match=r"expected camera 7, found \S+video0"):
        resolved("7", folders)


@pytest.mark.parametrize("text", ["0", "webcam"])
def test_no_camera_is_one_sentence(text: str, folders: Folders) -> None:
    with pytest.raises(UsageError, match=r"found no /dev/video device; plug a camera in"):
        resolved(text, folders)


@pytest.mark.parametrize("text", ["demo", "pattern", "press.mp4", "rtsp://cam/1", "/dev/video0", "٣", ""])
def test_everything_else_stays(text: str, folders: Folders) -> None:
    assert resolved(text, folders) == text


def test_a_file_of_that_name_wins(folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").write_bytes(b"video")
    assert resolved("0", folders) == "0"


def test_the_command_works_with_and_without_cameras(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = list[Camera]()
    monkeypatch.setattr(sources, "cameras", lambda: found)
    sources.run(as_json=False)
    assert "There is no camera here" in capsys.readouterr().out
    sources.run(as_json=True)
    assert capsys.readouterr().out == ""
    found.extend([Camera("/dev/video0", 0, "Lid", True), Camera("/dev/video1", 1, "", False)])
    sources.run(as_json=False)
    assert capsys.readouterr().out == "/dev/video0  Lid\n/dev/video1  unnamed  (metadata only)\n"
    sources.run(as_json=True)
    assert capsys.readouterr().out.splitlines()[0] == '{"device":"/dev/video0","name":"Lid","pictures":true}'
