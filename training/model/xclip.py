"""X-CLIP-Base, the video baseline: 16 frames of a whole video → one vector and a logit.

microsoft/X-CLIP (Ni et al. 2022), from transformers: a CLIP image encoder with messages between frames, a
projection, and a Transformer over the frames. A linear head replaces the text encoder.
"""

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, XCLIPConfig, XCLIPModel

from stream.errors import ModelError
from training.config import Video

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of RGB, as the published weights were trained


class XClip(nn.Module):
    """Frames [B, frames, 3, S, S], uint8 or float 0..1, RGB → float32 [B, out].

    127 million parameters at the true size (768 wide, 12 layers, 16 frames of 224 px, patches of 32 px).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, whole: XCLIPModel, out: int) -> None:
        super().__init__()
        config, sizes = whole.config, whole.config.vision_config
        self.vision_model, self.visual_projection = whole.vision_model, whole.visual_projection
        self.mit = whole.mit
        self.project = nn.Linear(config.projection_dim, out)
        self.head = nn.Linear(out, 1)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None], persistent=False)
        self.expects = (sizes.num_frames, sizes.num_channels, sizes.image_size, sizes.image_size)

    def forward(self, frames: Tensor) -> Tensor:
        """Raises ModelError for frames of another number or size."""
        if tuple(frames.shape[1:]) != self.expects:
            raise ModelError(
                f"expected frames [B, {', '.join(map(str, self.expects))}], found {list(frames.shape)}; "
                "sample and resize them to that."
            )
        values = frames / 255 if frames.dtype == torch.uint8 else frames
        pixels = ((values - self.mean) / self.std).flatten(0, 1)
        each = self.visual_projection(self.vision_model(pixel_values=pixels).pooler_output)
        joined = self.mit(each.unflatten(0, (len(frames), -1))).pooler_output
        vector: Tensor = self.project(joined)
        return vector

    def alone(self, frames: Tensor) -> Tensor:
        """Logit of win, [B]."""
        logit: Tensor = self.head(self(frames))[:, 0]
        return logit


def build_xclip(video: Video) -> XClip:
    """X-CLIP of a recipe: weights from ``source``, or the original size with random weights.

    Raises ModelError if the source is neither a folder nor a hub name of such weights, or its weights expect
    another number of frames.
    """
    if video.source:
        return _loaded(video)
    vision = {"num_frames": video.frames, "patch_size": video.patch}
    text = {"num_hidden_layers": 0, "vocab_size": 4}  # discarded
    return XClip(XCLIPModel(XCLIPConfig(vision_config=vision, text_config=text)), video.out)


def _loaded(video: Video) -> XClip:
    source = video.source
    try:
        config = AutoConfig.from_pretrained(source)
        if not isinstance(config, XCLIPConfig):
            raise ValueError(f"it is of type {config.model_type}")
        whole, report = XCLIPModel.from_pretrained(
            source, config=config, output_loading_info=True, ignore_mismatched_sizes=True
        )
        if wrong := len(report["missing_keys"]) + len(report["mismatched_keys"]):
            raise ValueError(f"{wrong} weights are missing or of another shape")
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        problem = str(error).strip().split("\n")[0].split(". ")[0].rstrip(".")
        raise ModelError(
            f"{source}: expected a folder or hub name of X-CLIP weights, found none that reads ({problem}); "
            "download them first, or leave `source` empty for an untrained network."
        ) from error
    if config.vision_config.num_frames != video.frames:
        raise ModelError(
            f"{source}: expected weights for {video.frames} frames, found {config.vision_config.num_frames}; "
            "set `frames` to that, or choose other weights."
        )
    return XClip(whole, video.out)
