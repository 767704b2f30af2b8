"""Recordings → batches: pools, sampling, windows, augmentation."""
