"""The lanes that run an analyzer, and what is known of their health."""
