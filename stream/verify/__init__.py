"""Proof that a provider or a changed graph still gives the golden answers."""
