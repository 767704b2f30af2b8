"""A libav frame as a picture: upright, with square pixels, its colours made only when asked for."""

from typing import Any

import av.video.frame
import av.video.reformatter
import av.video.stream
import numpy as np

from stream.capture.decoding.orientation import Orientation, display_size, of_matrix
from stream.capture.picture import Picture
from stream.records import Image


class DecodedPictures:
    """Makes pictures of the frames of one stream."""

    def __init__(self, stream: av.video.stream.VideoStream, *, by_decoding_time: bool) -> None:
        """``by_decoding_time``: the container stores no time of presentation (AVI)."""
        self._stream, self._by_decoding_time = stream, by_decoding_time
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._orientation: Orientation | None = None  # of the newest key frame

    def picture(self, frame: av.video.frame.VideoFrame, arrived: float) -> Picture:
        """``arrived``: monotonic seconds at which the frame's packet came."""
        if frame.key_frame or self._orientation is None:
            # Of key frames alone: side data keeps its picture alive until the next garbage collection.
            self._orientation = _orientation(frame)
        orientation = self._orientation
        width, height = display_size(frame.width, frame.height, self._stream.sample_aspect_ratio)
        size = (width, height) if orientation.turned else (height, width)

        def render() -> Image:
            rgb = self._reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1)
            plane: Any = rgb.planes[0]  # its stub leaves out that it is a buffer
            strides = (plane.line_size, 3, 1)
            data = np.frombuffer(plane, np.uint8)
            image: Image = np.ndarray((rgb.height, rgb.width, 3), np.uint8, data, strides=strides)
            return orientation.apply(image)

        return Picture(self._time_of(frame), arrived, size, frame.is_corrupt, render)

    def _time_of(self, frame: av.video.frame.VideoFrame) -> float | None:
        """Media seconds; of a container that stores none for pictures (AVI), those of their decoding."""
        stamp = frame.dts if self._by_decoding_time else frame.pts
        return None if stamp is None or frame.time_base is None else float(stamp * frame.time_base)


def _orientation(frame: av.video.frame.VideoFrame) -> Orientation:
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return Orientation() if matrix is None else of_matrix(bytes(matrix))
