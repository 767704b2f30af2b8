"""MediaPipe Holistic's own landmarks for pictures; runs in the peer's environment, not in ours.

    reference.py PICTURES.npz OUT.json

Every picture gets a fresh Holistic: the graph follows faces and hands from call to call even with
static_image_mode=True. Coordinates are pixels of the picture; null: not found. ``pupils`` (right, left) come
from a second run with face refinement, whose model is the only one in that version that knows irises.
``again`` is how far MediaPipe lands from itself when the lowest bit of every other pixel is flipped, which
nobody can see: a group for which that is large, or null (found only once), measures luck, not agreement.
"""

import json
import sys

import agreement
import mediapipe
import numpy as np
from mediapipe.python.solutions.holistic import Holistic

GROUPS = {
    "body": ("pose_landmarks", agreement.body),
    "face": ("face_landmarks", agreement.face),
    "left_hand": ("left_hand_landmarks", agreement.hand),
    "right_hand": ("right_hand_landmarks", agreement.hand),
}


def points(found, width, height, *, visibility=False):
    if found is None:
        return None
    rows = []
    for mark in found.landmark:
        row = [round(mark.x * width, 2), round(mark.y * height, 2)]
        rows.append([*row, round(mark.visibility, 4)] if visibility else row)
    return rows


def run(image, *, refined=False):
    height, width = image.shape[:2]
    with Holistic(static_image_mode=True, model_complexity=1, refine_face_landmarks=refined) as holistic:
        found = holistic.process(image)
    return {
        group: points(getattr(found, field), width, height, visibility=group == "body")
        for group, (field, _) in GROUPS.items()
    }


def landmarks(image):
    found, face = run(image), run(image, refined=True)["face"]
    flipped = image ^ (np.indices(image.shape[:2]).sum(axis=0) & 1).astype(np.uint8)[..., None]
    second = run(flipped)
    again = {}
    for group, (_, distance) in GROUPS.items():
        if found[group] and second[group]:
            again[group] = round(distance(np.array(second[group])[:, :2], found[group]), 5)
        elif found[group] or second[group]:
            again[group] = None
    pupils = None if face is None else [face[468], face[473]]
    return {"size": [image.shape[1], image.shape[0]], **found, "pupils": pupils, "again": again}


def main():
    with np.load(sys.argv[1]) as pictures:
        found = {name: landmarks(pictures[name]) for name in pictures.files}
    made_by = {
        "mediapipe": mediapipe.__version__,
        "numpy": np.__version__,
        "options": "static_image_mode=True, model_complexity=1, refine_face_landmarks=False",
    }
    lines = [f"{json.dumps(name)}: {json.dumps(each, separators=(',', ':'))}" for name, each in found.items()]
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(f'{{"made_by": {json.dumps(made_by)},\n"pictures": {{\n' + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    main()
