"""The training loop, its stages, losses, calibration and checkpoints."""
