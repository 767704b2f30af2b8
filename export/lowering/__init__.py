"""From a torch module to an ONNX graph of a given precision, with its parity check."""
