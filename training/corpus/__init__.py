"""Corpora: one on-disk form for every data set, its readers, splits and checks."""
