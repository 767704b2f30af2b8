"""Detectors and whole-body keypoint networks from ONNX files."""
