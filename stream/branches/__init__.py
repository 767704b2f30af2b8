"""The temporal models over the window: what the ticks so far say about the outcome."""
