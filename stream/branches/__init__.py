"""The branches: image, text, and the temporal modes (full and ring), with calibration and evidence."""
