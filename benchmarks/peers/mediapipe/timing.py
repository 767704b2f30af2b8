"""MediaPipe Holistic on blocks of frames, timed; runs in the peer's environment as a child of keypoints.py.

    timing.py FRAMES.npz          one JSON object a line on stdin and stdout

``{"clip": NAME, "first": I, "last": J}`` processes frames I..J−1 of a clip in tracking mode, continuing where
the clip's last block ended, and answers with the milliseconds and the landmarks of each frame.
"""

import json
import sys
import time

import numpy as np
from mediapipe.python.solutions.holistic import Holistic
from reference import GROUPS, points


def main():
    with np.load(sys.argv[1]) as stored:
        clips = {name: stored[name] for name in stored.files}
    holistics = {name: Holistic(static_image_mode=False, model_complexity=1) for name in clips}
    print(json.dumps({"ready": sorted(clips)}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        frames, holistic = clips[asked["clip"]], holistics[asked["clip"]]
        took, found = [], []
        for frame in frames[asked["first"] : asked["last"]]:
            begun = time.perf_counter()
            result = holistic.process(frame)
            took.append(1e3 * (time.perf_counter() - begun))
            height, width = frame.shape[:2]
            found.append(
                {
                    group: points(getattr(result, field), width, height, visibility=group == "body")
                    for group, (field, _) in GROUPS.items()
                }
            )
        print(json.dumps({"ms": took, "found": found}), flush=True)


if __name__ == "__main__":
    main()
