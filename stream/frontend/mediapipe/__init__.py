"""Detectors: a picture becomes the people in it."""
