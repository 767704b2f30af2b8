"""Decoding on the GPU is only said to work when the GPU did it; no GPU is needed to test that."""

from types import SimpleNamespace
from typing import Any

import av.error
import pytest

from stream.cli.checks import nvdec
from stream.errors import SourceError


class ContainerStandIn:
    """Gives ``frames``; says who decoded them."""

    def __init__(self, *frames: Any, on_gpu: bool = True) -> None:
        self.frames = frames
        self.streams = SimpleNamespace(
            video=[SimpleNamespace(codec_context=SimpleNamespace(is_hwaccel=on_gpu))]
        )

    def __enter__(self) -> "ContainerStandIn":
        return self

    def __exit__(self, *error: object) -> None: ...

    def decode(self, *, video: int) -> Any:
        return iter(self.frames)


FRAME = SimpleNamespace(width=640, height=360)


def opens(monkeypatch: pytest.MonkeyPatch, found: Any) -> list[Any]:
    """What ``av.open`` was asked for; it gives ``found``, or raises it."""
    asked: list[Any] = []

    def open_(path: str, *, hwaccel: Any) -> Any:
        asked.append(hwaccel)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(nvdec.av, "open", open_)
    monkeypatch.setattr(nvdec, "HWAccel", lambda kind, **options: (kind, options))
    return asked


def test_a_picture_from_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = opens(monkeypatch, ContainerStandIn(FRAME))
    assert nvdec.first_frame() == "decodes 640×360 on the GPU"
    assert asked == [("cuda", {"allow_software_fallback": False})]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ContainerStandIn(FRAME, on_gpu=False), "found the CPU at it"),
        (ContainerStandIn(), "found that it does not"),
        (av.error.ExternalError(1, "no device"), "found that it does not .*no device"),
        (RuntimeError("no CUDA in this build"), "found that it does not .no CUDA in this build"),
    ],
)
def test_everything_else_is_one_sentence(monkeypatch: pytest.MonkeyPatch, found: Any, words: str) -> None:
    opens(monkeypatch, found)
    with pytest.raises(SourceError, match=f"^NVDEC: expected to decode on the GPU, {words}"):
        nvdec.first_frame()
