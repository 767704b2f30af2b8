"""A small image encoder of the DINOv2 architecture whose CLS vector encodes pose and expression.

``python -m training.model.image_encoder --out runs/demo/image_encoder`` trains it from scratch on warped
portraits: a linear head predicts head motion and the strength of every facial action from the CLS token after
the final LayerNorm, and a second one predicts the local displacement from every patch token, which makes up
for little data and time. The heads are discarded; the CLS vector is the image feature. Simulated people only.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from stream.errors import UsageError
from stream.records import Floats, Image
from training.simulator.behaviour import NOTICE
from training.simulator.crops import PATCHES, SIZE, TARGETS, Crops, crops_of
from training.simulator.warp import Performer

DIM = 96
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def config() -> Dinov2Config:
    """The architecture: DINOv2 with 4 layers of width 96."""
    return Dinov2Config(
        image_size=SIZE,
        patch_size=14,
        hidden_size=DIM,
        num_hidden_layers=4,
        num_attention_heads=8,  # many narrow heads: each can attend to one region of the face
        initializer_range=0.1,  # 1/√width; with DINOv2's 0.02, tuned for its own width, training stalls here
        mlp_ratio=4,
        drop_path_rate=0.0,
        layerscale_value=1.0,
    )


def normalised(images: Image) -> Tensor:
    """uint8 [N, S, S, 3] → float32 [N, 3, S, S] with ImageNet statistics, as on the live side."""
    mean, std = torch.tensor(MEAN) * 255, torch.tensor(STD) * 255
    return ((torch.from_numpy(images).float() - mean) / std).permute(0, 3, 1, 2).contiguous()


def encode(model: Dinov2Model, images: Image, batch: int = 64) -> Floats:
    """CLS vectors after the final LayerNorm, float32 [N, DIM], of portraits uint8 [N, SIZE, SIZE, 3]."""
    model.eval()
    vectors = [np.zeros((0, model.config.hidden_size), np.float32)]
    with torch.inference_mode():
        for i in range(0, len(images), batch):
            hidden = model(normalised(images[i : i + batch]).to(model.device)).last_hidden_state
            vectors.append(hidden[:, 0].cpu().numpy())
    return np.concatenate(vectors)


def load(folder: str | Path) -> Dinov2Model:
    """The trained encoder, in eval mode."""
    model = Dinov2Model(config())
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval()


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """Amount of data, optimisation and evaluation."""

    samples: int = 40_960
    passes: int = 2  # over each chunk
    chunk: int = 4096  # samples rendered at a time
    people: int = 256  # in a chunk; three in four are the original portrait
    batch: int = 32
    rate: float = 1e-3
    seed: int = 0
    threads: int = 2
    check: int = 96  # unseen moments per person on which R² is computed


def train(out: Path, course: TrainingOptions) -> dict[str, dict[str, float]]:
    """Train, save to ``out`` and return R² of each target on held-out moments and people.

    Raises UsageError for fewer samples than one chunk.
    """
    if course.samples < course.chunk:
        raise UsageError(
            f"expected at least {course.chunk} portraits to learn from, found {course.samples}; "
            "raise data.encoder_samples in the recipe."
        )
    torch.set_num_threads(course.threads)
    torch.manual_seed(course.seed)
    rng = np.random.default_rng([course.seed, 14])
    chunk, batch, passes = course.chunk, course.batch, course.passes
    chunks = course.samples // chunk
    model, head, dense = Dinov2Model(config()), nn.Linear(DIM, len(TARGETS)), nn.Linear(DIM, 2)
    weights = [*model.parameters(), *head.parameters(), *dense.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=course.rate, weight_decay=0.02, betas=(0.9, 0.98))
    steps = chunks * passes * (chunk // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1.0, s / 200) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, s / steps)))
    )
    mse, started = nn.functional.mse_loss, time.monotonic()
    for part in range(chunks):
        crops = _chunk(course, part, rng)
        if part == 0:
            whiten(model, crops.images[rng.permutation(chunk)[:768]])
        losses = []
        model.train()
        for _ in range(passes):
            for rows in np.split(rng.permutation(chunk), chunk // batch):
                x = _relit(normalised(crops.images[rows]))
                hidden = model(x).last_hidden_state
                loss = mse(head(hidden[:, 0]), torch.from_numpy(crops.targets[rows]))
                local = mse(dense(hidden[:, 1:]), torch.from_numpy(crops.motion[rows]))
                optimiser.zero_grad()
                (loss + local).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
                nn.utils.clip_grad_norm_(weights, 1.0)
                optimiser.step()
                schedule.step()
                losses.append((loss.item(), local.item()))
        means = " ".join(f"{v:.3f}" for v in np.mean(losses[-len(losses) // passes :], 0))
        elapsed = time.monotonic() - started
        print(f"{part + 1}/{chunks}: head and patch loss {means}, {elapsed:.0f} s", flush=True)
    report = evaluate(model, head, course.check)
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, out / "model.safetensors")
    save_file(head.state_dict(), out / "head.safetensors")
    note = {"notice": NOTICE, "size": SIZE, "dim": DIM, "mean": MEAN, "std": STD, "token": "cls"}
    note |= {"course": asdict(course), "r2": report}
    (out / "encoder.json").write_text(json.dumps(note, indent=1) + "\n")
    return report


def whiten(model: Dinov2Model, images: Image) -> None:
    """Initialise the tokens to encode differences from the mean portrait.

    The patch projection becomes the damped principal directions of the patches' deviations, and each
    position's embedding subtracts its mean patch. Motion of half a pixel then stands out from the constant
    background, and minutes of training suffice.
    """
    patches = nn.functional.unfold(normalised(images), 14, stride=14).transpose(1, 2)
    mean = patches.mean(0)
    deviations = (patches - mean).reshape(-1, mean.shape[1])
    values, vectors = torch.linalg.eigh(deviations.T @ deviations / len(deviations))
    values, vectors = values[-DIM:], vectors[:, -DIM:]
    weight = 0.7 * (vectors / (values + 0.01 * values[-1]).sqrt()).T
    embeddings = model.embeddings
    with torch.no_grad():
        embeddings.patch_embeddings.projection.weight.copy_(weight.reshape(DIM, 3, 14, 14))
        embeddings.patch_embeddings.projection.bias.zero_()
        embeddings.position_embeddings[0, 1:] = 0.7 * torch.randn(PATCHES, DIM) - mean @ weight.T


def _chunk(course: TrainingOptions, part: int, rng: np.random.Generator) -> Crops:
    """Crops of several people; three in four show the original portrait, which the demo uses."""
    n, people = course.chunk, course.people
    plain = 3 * people // 4
    parts = [crops_of(Performer(), plain * (n // people), rng)]
    parts += [crops_of(Performer(part * people + i), n // people, rng) for i in range(people - plain)]
    return Crops(*(np.concatenate([getattr(p, name) for p in parts]) for name in Crops.__slots__))


def _relit(x: Tensor) -> Tensor:
    """Vary the exposure of each image."""
    return x * (1 + 0.1 * torch.randn(len(x), 1, 1, 1)) + 0.15 * torch.randn(len(x), 1, 1, 1)


def evaluate(model: Dinov2Model, head: nn.Linear, each: int, seed: int = 99) -> dict[str, dict[str, float]]:
    """R² of the linear head on unseen moments, per target: for the original portrait and for unseen
    variations.

    R² is computed within each person: the mean error (a resting expression taken for an action) is
    subtracted.
    """
    return {
        "portrait": _r2(model, head, [None] * 4, each, seed),
        "unseen variations": _r2(model, head, [100_000 + i for i in range(8)], each, seed),
    }


def _r2(
    model: Dinov2Model, head: nn.Linear, people: list[int | None], each: int, seed: int
) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    residual, total = np.zeros(len(TARGETS)), np.zeros(len(TARGETS))
    for person in people:
        crops = crops_of(Performer(person), each, rng)
        with torch.inference_mode():
            predictions = head(torch.from_numpy(encode(model, crops.images))).numpy()
        error = predictions - crops.targets
        residual += ((error - error.mean(0)) ** 2).sum(0)
        total += ((crops.targets - crops.targets.mean(0)) ** 2).sum(0)
    return {name: round(float(1 - a / b), 3) for name, a, b in zip(TARGETS, residual, total, strict=True)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=f"Train the demo's image encoder ({NOTICE}).")
    parser.add_argument("--out", type=Path, default=Path("runs/demo/image_encoder"))
    parser.add_argument("--samples", type=int, default=TrainingOptions().samples)
    parser.add_argument("--passes", type=int, default=TrainingOptions().passes)
    parser.add_argument("--seed", type=int, default=TrainingOptions().seed)
    parser.add_argument("--threads", type=int, default=TrainingOptions().threads)
    options = vars(parser.parse_args(arguments))
    report = train(options.pop("out"), TrainingOptions(**options))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
