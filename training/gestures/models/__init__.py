"""The branches: heat-map volumes, coordinates, pictures; each gives logits and an embedding of a clip."""
