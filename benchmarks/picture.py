"""README's animation: the demo as ``undertone watch demo --overlay`` draws it, a picture every 2.5 s.

python benchmarks/picture.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import av
import record
from PIL import Image

PICTURE = record.RESULTS / "demo.gif"
EVERY_S, WIDTH, SHOW_MS, COLOURS = 2.5, 360, 180, 64
LIMIT_BYTES = 1_500_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "demo.mp4"
        command = [sys.executable, "-m", "stream", "watch", "demo", "--pace", "fast", "--overlay", str(film)]
        subprocess.run(
            [*command, "--publish", "tcp://127.0.0.1:*"],
            cwd=record.ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        pictures = _sampled(film)
    # One palette for all, so that what does not change costs nothing.
    palette = pictures[len(pictures) // 2].quantize(COLOURS)
    first, *rest = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    first.save(PICTURE, save_all=True, append_images=rest, duration=SHOW_MS, loop=0, optimize=True)
    size = PICTURE.stat().st_size
    if size > LIMIT_BYTES:
        sys.exit(f"{PICTURE.name}: expected at most {LIMIT_BYTES} bytes, found {size}; use fewer colours.")
    print(f"{PICTURE}: {len(pictures)} pictures, {size / 1e6:.2f} MB")


def _sampled(film: Path) -> list[Image.Image]:
    pictures: list[Image.Image] = []
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= len(pictures) * EVERY_S:
                height = round(frame.height * WIDTH / frame.width)
                pictures.append(frame.to_image().resize((WIDTH, height), Image.Resampling.LANCZOS))
    return pictures


if __name__ == "__main__":
    main()
