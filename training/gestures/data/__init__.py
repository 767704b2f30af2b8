"""What the branches read of a clip: points, heat maps and pictures, as a function of (seed, phase, step)."""
