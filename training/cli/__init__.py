"""The commands of ``undertone-training``."""
