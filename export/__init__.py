"""Turns trained branches into ONNX bundles and proves them equal."""

import stream  # noqa: F401 - first: it switches off the usage reporting of ONNX Runtime
