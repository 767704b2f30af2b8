"""What ``undertone doctor`` tries out, each in a process of its own."""
