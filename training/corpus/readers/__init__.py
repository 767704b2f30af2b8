"""Readers of published corpora: iMiGUE, MiGA, OpenPose JSON."""
