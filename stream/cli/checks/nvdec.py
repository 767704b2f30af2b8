"""Whether the GPU can decode video. Streams are decoded in software all the same, by ``decoder.py``."""

from importlib.resources import files

import av
import av.error
import av.logging
from av.codec.hwaccel import HWAccel

from stream.errors import SourceError


def first_frame() -> str:
    """Decode one picture of the built-in clip with NVDEC alone; what came. Raises SourceError."""
    av.logging.set_level(None)  # its logging can deadlock
    path = str(files("stream").joinpath("assets", "demo.mp4"))
    try:
        with av.open(path, hwaccel=HWAccel("cuda", allow_software_fallback=False)) as container:
            frame = next(container.decode(video=0))
            if not container.streams.video[0].codec_context.is_hwaccel:
                raise SourceError("NVDEC: expected to decode on the GPU, found the CPU at it")
            return f"decodes {frame.width}×{frame.height} on the GPU"
    except (av.error.FFmpegError, RuntimeError, StopIteration) as error:
        raise SourceError(
            f"NVDEC: expected to decode on the GPU, found that it does not ({error})"
        ) from error
