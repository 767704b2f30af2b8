"""To a moment of a recording: to a key frame at or before it, in containers with and without an index."""

from contextlib import suppress

import av.container
import av.error
import av.video.stream

# How far before a wanted moment a seek begins: a key frame is wanted, and a group of pictures may be long.
_BACK_S = (0.0, 2.0, 6.0, 15.0, 40.0, 1e9)


def seek(container: av.container.InputContainer, stream: av.video.stream.VideoStream, target_us: int) -> bool:
    """Stand before a key frame at or before ``target_us`` (container time), else at the start.

    False for a container that cannot seek: it stands where it stood. A container without an index (MPEG-TS,
    MPEG-PS) seeks by guessing: where the next key frame after a seek lies behind the moment, the next try
    begins further back.
    """
    start_us = container.start_time or 0
    for back_s in _BACK_S:
        from_us = max(start_us, target_us - int(back_s * 1e6))
        if not _sought(container, from_us):
            break
        if _comes_in_time(container, stream, target_us):
            return _sought(container, from_us)  # the look has read on
    return _sought(container, start_us)


def _sought(container: av.container.InputContainer, at_us: int) -> bool:
    with suppress(av.error.FFmpegError):
        container.seek(at_us, backward=True)
        return True
    return False


def _comes_in_time(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, target_us: int
) -> bool:
    with suppress(av.error.FFmpegError, OSError):
        for packet in container.demux(stream):
            if packet.is_keyframe and packet.pts is not None and packet.time_base is not None:
                return float(packet.pts * packet.time_base) * 1e6 <= target_us
    return False
