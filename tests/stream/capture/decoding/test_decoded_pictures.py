"""Pictures of decoded frames: time, size, pixels, and the orientation of the newest key frame."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from stream.capture.decoding.decoded_pictures import DecodedPictures
from stream.capture.picture import Picture


def pictures(path: Path, *, by_decoding_time: bool = False) -> Iterator[Picture]:
    with av.open(str(path)) as container:
        made = DecodedPictures(container.streams.video[0], by_decoding_time=by_decoding_time)
        for i, frame in enumerate(container.decode(video=0)):
            yield made.picture(frame, 100.0 + i)


def test_time_size_and_pixels(clip: Path, read_number: Callable[[np.ndarray], int]) -> None:
    for i, picture in enumerate(pictures(clip)):
        assert picture.pts == pytest.approx(i / 25)
        assert picture.arrived == 100.0 + i
        image = picture.render()
        assert (image.dtype, image.shape) == (np.uint8, (*picture.size, 3))
        assert read_number(image) == i


@pytest.mark.parametrize(("rotation", "size"), [(90, (160, 96)), (180, (96, 160)), (270, (160, 96))])
def test_a_turned_film_is_turned_to_its_last_picture(
    rotation: int, size: tuple[int, int], make_video: Callable[..., Path], tmp_path: Path
) -> None:
    """Only key frames are asked for their orientation; the pictures between them keep it."""
    path = make_video(tmp_path / "turned.mp4", rotation=rotation, count=15, gop=6)
    for picture in pictures(path):
        assert picture.size == size
        assert picture.render().shape[:2] == size


def test_a_container_without_times_of_presentation_goes_by_those_of_decoding(clip: Path) -> None:
    with av.open(str(clip)) as container:
        video = container.streams.video[0]
        by_pts, by_dts = (DecodedPictures(video, by_decoding_time=flag) for flag in (False, True))
        frame = next(container.decode(video))
        frame.pts = None
        assert by_pts.picture(frame, 0.0).pts is None
        assert by_dts.picture(frame, 0.0).pts == pytest.approx(0.0)
