"""Which of a container's video streams is played."""

import av.container
import av.video.stream
from av.stream import Disposition

from stream.errors import SourceError

_TEXT_AS_VIDEO = frozenset({"ansi", "xbin", "bintext", "idf"})  # "video" that libav draws from plain text


def choose(
    container: av.container.InputContainer, name: str, wanted: int | None
) -> tuple[av.video.stream.VideoStream, tuple[str, ...]]:
    """The stream at place ``wanted`` among the video streams; else the default one, else the largest.

    Returns it with the sizes of the others, "WIDTH×HEIGHT". Raises SourceError when there is none that can be
    decoded here.
    """
    streams = container.streams
    videos = [s for s in streams.video if not s.disposition & Disposition.attached_pic]  # no cover art
    kinds = sorted({str(s.type) for s in streams if s.type != "video"})
    if not videos:
        found = f"only {', '.join(kinds)}" if kinds else "no stream at all"
        raise SourceError(
            f"{name} holds no video, found {found}; name a source with a picture", code="no_video"
        )
    if wanted is not None and not 0 <= wanted < len(videos):
        raise SourceError(
            f"{name}: expected --stream 0 to {len(videos) - 1}, found {wanted}; it has that many "
            "video streams, choose one",
            code="unreadable",
        )
    chosen = max(videos, key=_rank) if wanted is None else videos[wanted]
    # The stubs promise a codec context; a codec without a decoder has none.
    codec: str | None = getattr(chosen.codec_context, "name", None)
    if codec is None:
        raise SourceError(
            f"{name} has video in a codec that cannot be decoded here; convert it", code="codec"
        )
    if codec in _TEXT_AS_VIDEO:
        raise SourceError(f"{name} is text, not video; name a video file", code="no_video")
    return chosen, tuple(f"{v.width}×{v.height}" for v in videos if v is not chosen)


def _rank(video: av.video.stream.VideoStream) -> tuple[bool, int]:
    """The default stream before others, then the one with the most pixels; the first of equals."""
    return bool(video.disposition & Disposition.default), (video.width or 0) * (video.height or 0)
