"""Turns trained branches into ONNX bundles and proves them equal."""
