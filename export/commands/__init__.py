"""What ``undertone-export check`` and ``engines`` do."""
