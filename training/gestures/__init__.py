"""Micro-gestures: a clip of a person → one of 32 classes, by branches that teach each other."""
