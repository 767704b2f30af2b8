"""The ``undertone`` command."""
