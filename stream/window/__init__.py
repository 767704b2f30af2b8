"""The rolling buffers on the 25 Hz grid: 4000 poses, 800 features, masks."""
