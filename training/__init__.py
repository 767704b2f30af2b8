"""Everything that learns: simulator, fused model, two-stage training, delivery."""

import stream  # noqa: F401 - first: it switches off the usage reporting of ONNX Runtime
