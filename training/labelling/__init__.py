"""Labelling many videos: a labeller's answers, a person's corrections, and their accuracy."""
