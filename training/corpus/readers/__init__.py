"""Readers of corpora as they are published: iMiGUE, MiGA, OpenPose JSON."""
