"""Training: simulator, fused model, two-stage training, evaluation, delivery."""

import stream  # noqa: F401 - first: it switches off the usage reporting of ONNX Runtime
