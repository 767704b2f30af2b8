"""The commands ``undertone-export check`` and ``engines``."""
