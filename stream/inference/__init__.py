"""ONNX Runtime: sessions, device buffers, and TensorRT engines built on this machine."""
