"""Exports a training run as a bundle."""
