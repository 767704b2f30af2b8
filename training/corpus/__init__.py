"""Corpora: one on-disk format for every data set, with readers, splits and checks."""
