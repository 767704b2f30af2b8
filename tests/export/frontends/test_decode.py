"""The live side's way around a detector against ultralytics' own, on the same pictures and raw outputs."""

import numpy as np
import pytest
import torch

from stream.frontend.onnx_models.yolo import CONFIDENCE, SUPPRESSION, Fit, decode, letterboxed


def raw_of(rng, boxes=2000):
    """Clusters of boxes in an input of 640×384, with scores around the threshold."""
    raw = np.zeros((84, boxes), np.float32)
    raw[0], raw[1] = rng.choice(rng.uniform(0, 640, 12), boxes), rng.choice(rng.uniform(0, 384, 12), boxes)
    raw[:2] += rng.normal(0, 8, (2, boxes))
    raw[2:4] = rng.uniform(20, 260, (2, boxes))
    raw[4:] = rng.beta(0.5, 6, (80, boxes))
    raw[4] = rng.beta(0.7, 1.5, boxes)
    return raw.astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (480, 640), (900, 500)])
def test_the_same_people(seed, height, width, ultralytics):
    raw = raw_of(np.random.default_rng(seed))
    (theirs,) = ultralytics.nms.non_max_suppression(
        torch.from_numpy(raw[None].copy()), CONFIDENCE, SUPPRESSION, classes=[0], max_det=300
    )
    scores = theirs[:, 4].numpy()
    boxes = ultralytics.ops.scale_boxes((384, 640), theirs[:, :4].clone(), (height, width)).numpy()
    found, sure = decode(raw)
    ours = Fit.of(width, height, (640, 384)).back(found)
    assert len(ours) == len(boxes) > 20
    np.testing.assert_allclose(sure, scores, atol=1e-6)
    assert np.abs(ours - boxes).max() < 0.05, "pixels of the frame"


@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (480, 640), (901, 503), (384, 640), (3, 900)])
@pytest.mark.parametrize("size", [(640, 640), (640, 384)])
def test_the_same_picture(height, width, size, ultralytics):
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)
    theirs = ultralytics.augment.LetterBox((size[1], size[0]), auto=False)(image=image.copy())
    np.testing.assert_array_equal(letterboxed(image, size)[0], theirs)
