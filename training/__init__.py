"""Everything that learns: simulator, fused model, two-stage training, delivery."""
