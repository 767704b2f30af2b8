"""Live side of Undertone: video in, running win/loss confidences out. Never imports torch."""

__version__ = "0.1.0"
