"""A labeller over many videos: its answers, what a person makes of them, and how often it is right."""
