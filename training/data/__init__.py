"""From recordings to batches: pools, sampling, windows, augmentation."""
