"""Bundles on disk: manifest, model cards, cached model files, external data."""
