"""From a torch module to an ONNX graph in the precision that is asked for, with its parity check."""
