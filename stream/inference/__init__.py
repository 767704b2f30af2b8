"""ONNX Runtime: sessions, device buffers, and the engines a machine built for itself."""
