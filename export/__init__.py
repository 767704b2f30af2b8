"""Exports trained branches to ONNX bundles and checks that they give the same outputs."""

import stream  # noqa: F401 - first: it switches off the usage reporting of ONNX Runtime
